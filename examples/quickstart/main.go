// Command quickstart shows the whole way of a command on one machine: an embedded
// broker with JetStream, an agent, and a NATS client that sends a command and
// reads its result from the stream RESULTS.
//
// The exit code is 0 when the result arrived, whatever the command's own exit
// code was (that one is printed), and when the program was asked to stop; 1
// when something failed; 2 for wrong flags.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

const usage = `usage: quickstart [flags] [-- command]

  --shell name   what runs the command: sh, pwsh, powershell or cmd (default %s)
  --stay         keep broker and agent up, for commands of other NATS clients
  --verbose      show the logs of broker and agent on stderr
`

type options struct {
	shell   string
	script  string
	stay    bool
	verbose bool
}

func main() {
	o, err := parse(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		fmt.Printf(usage, defaultShell)
		return
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "quickstart: %v\n"+usage, err, defaultShell)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	if err := run(ctx, o, newPage()); err != nil {
		fmt.Fprintln(os.Stderr, "quickstart:", err)
		os.Exit(1)
	}
}

func parse(args []string) (options, error) {
	var o options
	flags := flag.NewFlagSet("quickstart", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // main prints errors and usage
	flags.StringVar(&o.shell, "shell", defaultShell, "")
	flags.BoolVar(&o.stay, "stay", false, "")
	flags.BoolVar(&o.verbose, "verbose", false, "")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	o.script = strings.Join(flags.Args(), " ")
	if flags.NArg() == 0 {
		o.script = greeting(o.shell)
	}
	return o, nil
}

// greeting is the default command.
func greeting(shell string) string {
	switch shell {
	case "powershell", "pwsh":
		return `Write-Output "hello from $([Environment]::MachineName)"`
	case "cmd":
		return "echo hello from %COMPUTERNAME%"
	}
	return "echo hello from $(uname -n)"
}
