// Command hostcheck shows on a real machine what no other machine can show: PowerShell, access rights that hold, sessions and
// logons, services.
//
// On a machine with Go, in the module,
//
//	go run ./hostcheck -o hostcheck.zip
//
// builds one file with the module's tests as programs for Windows, the nats-server that they pin, their data, and this
// command itself. On the machine to be checked, which needs nothing else: unpack it and start hostcheck.cmd, as
// Administrator if possible. That runs everything and writes hostcheck.json: the machine, its PowerShells, a verdict for each
// test, and the output of those that failed. As Administrator it also runs some tests as LocalSystem, by a task that it
// makes and removes.
//
// It ends with 0 when all tests passed, with 1 when one did not, with 2 when it could not do its work.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"time"
)

const (
	exitGood = iota
	exitFailed
	exitBroken
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stderr)
	stop()
	os.Exit(code)
}

func run(ctx context.Context, args []string, log io.Writer) int {
	s, err := parse(args, log)
	if err != nil {
		return exitBroken // the flag set has said why
	}
	good := true
	if s.check == "" {
		err = build(ctx, s)
	} else {
		good, err = checkHost(ctx, s, log)
	}
	switch {
	case err != nil:
		_, _ = fmt.Fprintln(log, "hostcheck:", err)
		return exitBroken
	case !good:
		return exitFailed
	}
	return exitGood
}

// settings are the command line. Check is the unpacked folder; empty to build.
type settings struct {
	out      string
	system   string
	arch     string
	packages string
	server   bool

	check    string
	only     string
	match    string
	limit    time.Duration
	asSystem bool
}

// packages are those with code of their own for Windows, and what they stand on.
const packages = "./outbox/...,./exec,./agent,./agent/wire,./agent/internal/...,./cmd/agentcli,./retry/..."

func parse(args []string, log io.Writer) (settings, error) {
	var s settings
	f := flag.NewFlagSet("hostcheck", flag.ContinueOnError)
	f.SetOutput(log)
	f.StringVar(&s.out, "o", "", "`file` to write (hostcheck.zip, with -check hostcheck.json)")
	f.StringVar(&s.system, "os", "windows", "build: the system to check")
	f.StringVar(&s.arch, "arch", runtime.GOARCH, "build: its processor, amd64 or arm64")
	f.StringVar(&s.packages, "packages", packages, "build: the packages whose tests to take, with commas")
	f.BoolVar(&s.server, "server", true, "build: take the nats-server along")
	f.StringVar(&s.check, "check", "", "check this machine with what is in `folder`, instead of building")
	f.StringVar(&s.only, "only", "", "check: the tests of this package alone")
	f.StringVar(&s.match, "match", "", "check: the tests that match this `pattern` alone")
	f.DurationVar(&s.limit, "limit", 20*time.Minute, "check: how long the tests of one package may take")
	f.BoolVar(&s.asSystem, "as-system", true, "check: as Administrator, run some tests as LocalSystem too")
	if err := f.Parse(args); err != nil {
		return s, err
	}
	if f.NArg() > 0 {
		_, _ = fmt.Fprintln(log, "hostcheck: unexpected:", strings.Join(f.Args(), " "))
		return s, flag.ErrHelp
	}
	if s.out == "" {
		s.out = "hostcheck.zip"
		if s.check != "" {
			s.out = "hostcheck.json"
		}
	}
	return s, nil
}
