//go:build linux

package netlab

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/tslab/tslab/netlab/fault"
)

// Partition keeps groups of hosts apart: nothing goes from a host of one to a host of
// another, whatever is between them. Hosts in no group reach everybody. It is healed
// by its name, which is made when it is empty.
func (l *Lab) Partition(ctx context.Context, name string, groups [][]string) (string, error) {
	l.action()
	if name == "" {
		name = l.ledger.name("partition")
	}
	if err := l.checkGroups(groups); err != nil {
		return "", fmt.Errorf("partition %s: %w", name, err)
	}
	if slices.ContainsFunc(l.record.Faults, func(r *FaultRecord) bool { return r.Name == name }) {
		return "", fmt.Errorf("partition %s: there is or was a fault of that name in this run; choose another", name)
	}
	var texts []string
	for _, g := range groups {
		texts = append(texts, strings.Join(g, ", "))
	}
	r := &FaultRecord{Name: name, Text: "nothing between " + strings.Join(texts, " and "), Groups: groups, Counts: []fault.Counter{}}
	// Cut at every group but the largest, which has the most cables.
	largest := 0
	for i, g := range groups {
		if len(g) > len(groups[largest]) {
			largest = i
		}
	}
	before := len(l.ledger.laid)
	for i, g := range groups {
		if i == largest {
			continue
		}
		others := slices.Concat(slices.Delete(slices.Clone(groups), i, i+1)...)
		for _, host := range g {
			laid := &laidFault{group: name, record: r, Fault: fault.Fault{Name: name + ":" + host, Kind: fault.Cut, Host: host, Peers: others}}
			if err := l.lay(ctx, laid); err != nil {
				for _, laid := range slices.Clone(l.ledger.laid[before:]) {
					err = errors.Join(err, l.lift(ctx, laid))
				}
				return "", err
			}
		}
	}
	l.recordFault(r)
	return name, nil
}

func (l *Lab) checkGroups(groups [][]string) error {
	if len(groups) < 2 {
		return errors.New("want two or more groups of hosts")
	}
	seen := map[string]bool{}
	for _, g := range groups {
		if len(g) == 0 {
			return errors.New("a group without hosts")
		}
		for _, host := range g {
			if _, err := l.host(host); err != nil {
				return err
			}
			if seen[host] {
				return fmt.Errorf("%s is named twice", host)
			}
			seen[host] = true
		}
	}
	return nil
}
