package cli

import (
	"net"

	"github.com/urfave/cli/v3"
)

// DefaultWorkgroup is the workgroup of every program that is told none.
const DefaultWorkgroup = "WORKGROUP"

// WorkgroupFlag names the workgroup that a program belongs to, or asks.
func WorkgroupFlag() cli.Flag {
	return &cli.StringFlag{Name: "workgroup", Usage: "belong to the workgroup `NAME`: license servers are found within it", Value: DefaultWorkgroup}
}

// LocalOnly reports whether an address that a program listens on can be reached from
// this machine alone: nobody is sought then, and nobody finds it.
func LocalOnly(a net.Addr) bool {
	t, ok := a.(*net.TCPAddr)
	return ok && t.IP.IsLoopback()
}
