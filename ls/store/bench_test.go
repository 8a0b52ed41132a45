package store_test

import (
	"context"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/tslab/tslab/ls/store"
)

// BenchmarkIssue is durable issues a second (one transaction each: find a pack,
// take, row, two index entries) with so many callers at once, and what a license
// costs on the disk.
func BenchmarkIssue(b *testing.B) {
	for _, clients := range []int{1, 8, 64} {
		b.Run(fmt.Sprintf("clients=%d", clients), func(b *testing.B) {
			s, p := packed(b, 1<<30)
			var n atomic.Uint32
			var wg sync.WaitGroup
			b.ResetTimer()
			for range clients {
				wg.Go(func() {
					for i := n.Add(1); int(i) <= b.N; i = n.Add(1) {
						if err := s.Update(context.Background(), func(tx *store.Tx) error {
							_, err := tx.Issue(sample(p.Number, i))
							return err
						}); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
			b.StopTimer()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "issues/s")
			info, err := os.Stat(s.Path())
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(info.Size())/float64(b.N), "B/license")
		})
	}
}
