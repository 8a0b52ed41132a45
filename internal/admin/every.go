package admin

import (
	"context"
	"sync"
	"time"

	"github.com/tslab/tslab/internal/transport"
	"github.com/tslab/tslab/ls/report"
)

// AskAll asks the license servers at the addresses, all at once, each within timeout.
// The answers and the errors stand in the servers' order; where there is an error there
// is no answer.
func AskAll[T any](ctx context.Context, d *Desk, timeout time.Duration, servers []string, ask func(context.Context, *transport.Conn) (T, error)) ([]T, []error) {
	answers, errs := make([]T, len(servers)), make([]error, len(servers))
	var all sync.WaitGroup
	for i, server := range servers {
		all.Go(func() { answers[i], errs[i] = askOne(ctx, d, timeout, server, ask) })
	}
	all.Wait()
	return answers, errs
}

func askOne[T any](ctx context.Context, d *Desk, timeout time.Duration, server string, ask func(context.Context, *transport.Conn) (T, error)) (answer T, err error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	conn, err := d.Dial(ctx, server)
	if err != nil {
		return answer, err
	}
	defer conn.Close()
	return ask(ctx, conn)
}

// Rows asks a license server for its tokens, as a report has them.
func Rows(ctx context.Context, conn *transport.Conn) ([]report.Row, error) {
	licenses, err := Licenses(ctx, conn)
	if err != nil {
		return nil, err
	}
	var rows []report.Row
	for _, l := range licenses {
		rows = append(rows, report.Row{Server: conn.Server().Name, LicenseInfo: l})
	}
	return rows, nil
}
