package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/tslab/tslab/internal/harness"
	"github.com/tslab/tslab/netlab/fault"
	"github.com/tslab/tslab/netlab/fault/tcx"
)

const roleFault = "fault" // sends datagrams past a fault

// passed is how long a datagram takes from the sender's call to the receiver's socket,
// which is one stretch of work on one processor: nanoseconds, the median of the rounds.
type passed struct {
	Bare, Program, NFT float64
	Absent             string // why there is no NFT
}

// faultCost compares a fault of the kernel's engine with a rule of nft that does the
// same: look at protocol and port, throw dice, let the datagram pass.
func faultCost(ctx context.Context, _ string, span time.Duration, print func(figure)) error {
	if err := tcx.Available(); err != nil {
		return absent(print, "--engine ebpf", err, "cost of a fault program")
	}
	var p passed
	if err := playRole(ctx, roleFault, sizeOf(span), &p); err != nil {
		return err
	}
	print(figure{"a datagram, host to host", p.Bare, "ns"})
	print(figure{"past a fault program", p.Program, "ns"})
	if p.Absent != "" {
		return absent(print, "nft", errors.New(p.Absent), "past a rule")
	}
	print(figure{"past an nft rule that does the same", p.NFT, "ns"})
	print(figure{"ratio to nft, the whole way", p.Program / p.NFT, "times"})
	return nil
}

// nftRules do what the fault of [faulted] does.
const nftRules = `table netdev bench {
	chain in {
		type filter hook ingress device "%s" priority 0; policy accept;
		meta l4proto udp udp dport %d numgen random mod 1000000000 < 1 counter drop
	}
}
`

func faulted(ctx context.Context, z size, out io.Writer) error {
	s, err := newStreet(ctx)
	if err != nil {
		return err
	}
	sink, err := s.target()
	if err != nil {
		return err
	}
	defer sink.Close()
	var conn *net.UDPConn
	err = s.hosts[0].Do(func() (err error) {
		conn, err = net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(address(1), floodPort)))
		return err
	})
	if err != nil {
		return err
	}
	defer conn.Close()
	engine := tcx.New()
	lay := fault.Placed{
		Fault: fault.Fault{Name: "f", Kind: fault.Loss, Percent: 1e-7, Protocol: "udp", Port: floodPort, Host: "h1", Direction: fault.From, Seed: 1},
		Links: []fault.Link{{Name: "h1:eth0", Port: s.ports[0]}},
	}
	var p passed
	if err := harness.Need("nft"); err != nil {
		p.Absent = err.Error()
	}
	var bare, program, nft []float64
	for range 3 * z.Rounds {
		for _, with := range []struct {
			times    *[]float64
			on, off  func() error
			possible bool
		}{
			{&bare, nothing, nothing, true},
			{&program, func() error { return engine.Apply(lay) }, func() error { return engine.Remove("f") }, true},
			{&nft, func() error { return runNFT(fmt.Sprintf(nftRules, s.ports[0], floodPort)) }, func() error { return runNFT("delete table netdev bench\n") }, p.Absent == ""},
		} {
			if !with.possible {
				continue
			}
			if err := with.on(); err != nil {
				return err
			}
			t, err := datagram(conn, z.Packets)
			if err := errors.Join(err, with.off()); err != nil {
				return err
			}
			*with.times = append(*with.times, t)
		}
	}
	p.Bare, p.Program = median(bare), median(program)
	if p.Absent == "" {
		p.NFT = median(nft)
	}
	return json.NewEncoder(out).Encode(p)
}

func nothing() error { return nil }

// datagram is how long one takes, in nanoseconds.
func datagram(conn *net.UDPConn, packets int) (float64, error) {
	b := make([]byte, floodPayload)
	begin := time.Now()
	for range packets {
		if _, err := conn.Write(b); err != nil {
			return 0, err
		}
	}
	return float64(time.Since(begin).Nanoseconds()) / float64(packets), nil
}

func runNFT(text string) error {
	cmd := exec.Command("nft", "-f", "-")
	cmd.Stdin, cmd.Env = strings.NewReader(text), os.Environ()
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("nft: %w: %s", err, out)
	}
	return nil
}
