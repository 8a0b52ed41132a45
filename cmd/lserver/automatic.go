package main

import (
	"context"
	"io"

	"github.com/tslab/tslab/internal/cli"
	house "github.com/tslab/tslab/ls/clearinghouse"
	"github.com/tslab/tslab/ls/clearinghouse/web"
)

// reachClearinghouse is how this license server reaches the clearinghouse by itself;
// nil: it was not told where one is.
func reachClearinghouse(o options, keys io.Writer) (func(context.Context, string, map[string]string) ([]string, error), error) {
	if o.clearinghouse == "" {
		return nil, nil
	}
	roots, err := cli.Roots(o.roots)
	if err != nil {
		return nil, err
	}
	client := &web.Client{Address: o.clearinghouse, Roots: roots, KeyLog: keys}
	return func(ctx context.Context, operation string, form map[string]string) ([]string, error) {
		answer, err := client.Do(ctx, house.Op(operation), form)
		return answer.Documents, err
	}, nil
}
