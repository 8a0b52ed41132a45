//go:build !linux

package main

import (
	"context"
	"errors"
	"time"

	ucli "github.com/urfave/cli/v3"
)

func runCommand() *ucli.Command   { return onlyLinux("run", "run a drill") }
func listCommand() *ucli.Command  { return onlyLinux("list", "list the drills") }
func wordsCommand() *ucli.Command { return onlyLinux("drill", "the language of drills") }
func captureCommand() *ucli.Command {
	return onlyLinux("capture", "work with the captures of runs")
}
func ladderCommand() *ucli.Command { return onlyLinux("ladder", "show a run as a ladder of messages") }
func diffCommand() *ucli.Command   { return onlyLinux("diff", "say what two runs have not in common") }
func checkCommand() *ucli.Command  { return onlyLinux("check", "say what a drill lacks") }
func upCommand() *ucli.Command     { return onlyLinux("up", "keep a lab running") }
func hostsCommand() *ucli.Command  { return onlyLinux("hosts", "show the kept labs") }
func execCommand() *ucli.Command   { return onlyLinux("exec", "run a program in a kept lab") }
func downCommand() *ucli.Command   { return onlyLinux("down", "end a kept lab") }
func faultCommand() *ucli.Command  { return onlyLinux("fault", "break the network of a kept lab") }
func doctorCommand() *ucli.Command { return onlyLinux("doctor", "say whether drills can run here") }
func exportCommand() *ucli.Command {
	return onlyLinux("export", "turn a drill into a lab for another engine")
}

// newestKept finds no lab where there are none.
func newestKept(context.Context) (string, time.Time) { return "", time.Time{} }

func onlyLinux(name, usage string) *ucli.Command {
	return &ucli.Command{
		Name:  name,
		Usage: usage + " (Linux only)",
		Action: func(context.Context, *ucli.Command) error {
			return errors.New("drills run in Linux namespaces; use Linux, a virtual machine or WSL 2")
		},
	}
}
