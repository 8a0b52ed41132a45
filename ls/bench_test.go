package ls_test

import (
	"context"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/tslab/tslab/internal/edition"
	"github.com/tslab/tslab/internal/identity"
	"github.com/tslab/tslab/wire/tsls"
)

// BenchmarkAllocate is CALs a second, decided, durable, logged and signed, with so
// many requests on the way at once: handed to the server, and over its TLS
// connection with the other end in the same process.
func BenchmarkAllocate(b *testing.B) {
	for _, clients := range []int{1, 8, 64} {
		b.Run(fmt.Sprintf("direct/clients=%d", clients), func(b *testing.B) {
			l := licensed(b, edition.W2KSP3(), 1_000_000)
			l.storm(b, clients, l.tell)
		})
		b.Run(fmt.Sprintf("transport/clients=%d", clients), func(b *testing.B) {
			l := licensed(b, edition.W2KSP3(), 1_000_000)
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				b.Fatal(err)
			}
			host, err := identity.LoadOrCreate(b.TempDir(), "ls1")
			if err != nil {
				b.Fatal(err)
			}
			ctx, cancel := context.WithCancel(b.Context())
			ended := make(chan error, 1)
			go func() { ended <- l.Run(ctx, listener, host.ServerTLS(identity.AnyPeer, nil)) }()
			conn := dial(b, listener.Addr().String())
			l.storm(b, clients, func(m tsls.Message) (tsls.Message, error) { return conn.Call(b.Context(), m) })
			cancel()
			if err := <-ended; err != nil {
				b.Error(err)
			}
		})
	}
}

// storm lets so many clients ask, each request for another device.
func (l *lab) storm(b *testing.B, clients int, ask func(tsls.Message) (tsls.Message, error)) {
	var n atomic.Int64
	var wg sync.WaitGroup
	b.ResetTimer()
	for range clients {
		wg.Go(func() {
			for i := n.Add(1); i <= int64(b.N); i = n.Add(1) {
				m, err := ask(l.request(newDevice(int(i)), tsls.RequestCAL, tsls.ClassTemporary,
					func(r *tsls.Allocate) { r.LicenseID, r.Issuer = "LAB-OTHER-1", "ls2" }))
				if a, ok := m.(tsls.Allocated); !ok || a.Answer != tsls.AnswerCALTake {
					b.Error(m, err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "CALs/s")
}
