package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/tslab/tslab/internal/admin"
	"github.com/tslab/tslab/ls/report"
)

// askAll asks the license servers for their tokens, all at once. The rows stand in
// the servers' order; failed has one error for each that did not answer.
func askAll(ctx context.Context, desk *admin.Desk, timeout time.Duration, servers []string) (rows []report.Row, failed []error) {
	each := make([][]report.Row, len(servers))
	errs := make([]error, len(servers))
	var all sync.WaitGroup
	for i, server := range servers {
		all.Go(func() { each[i], errs[i] = ask(ctx, desk, timeout, server) })
	}
	all.Wait()
	for i := range servers {
		rows = append(rows, each[i]...)
		if errs[i] != nil {
			failed = append(failed, fmt.Errorf("%w; its tokens are not in the report", errs[i]))
		}
	}
	return rows, failed
}

// ask asks one license server.
func ask(ctx context.Context, desk *admin.Desk, timeout time.Duration, server string) ([]report.Row, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	conn, err := desk.Dial(ctx, server)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	licenses, err := admin.Licenses(ctx, conn)
	if err != nil {
		return nil, err
	}
	var rows []report.Row
	for _, l := range licenses {
		rows = append(rows, report.Row{Server: conn.Server().Name, LicenseInfo: l})
	}
	return rows, nil
}
