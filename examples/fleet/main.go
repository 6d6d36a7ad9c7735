// Command fleet runs many agents in one process against a broker, sends all of them
// commands, and says how long the last of them took.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sync/errgroup"

	"github.com/nats-io/nats.go"

	"github.com/kanade-go/kanade/agent"
)

func main() {
	var o options
	flag.StringVar(&o.server, "server", nats.DefaultURL, "URLs of the brokers, with commas between them")
	flag.IntVar(&o.agents, "agents", 100, "how many agents")
	flag.IntVar(&o.rounds, "rounds", 3, "how many commands all of them get, one after the other")
	flag.StringVar(&o.dir, "state", "", "folder for everything durable, an absolute path (required)")
	flag.Parse()
	if o.dir == "" || o.agents < 1 || o.rounds < 0 || flag.NArg() > 0 {
		fmt.Fprintln(os.Stderr, "usage: fleet -state folder [flags]")
		flag.PrintDefaults()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	if err := o.run(ctx); err != nil && !errors.Is(err, context.Canceled) {
		log.Fatal(err)
	}
}

type options struct {
	server, dir    string
	agents, rounds int
}

// run starts the agents, drives the rounds, and stops the agents again.
func (o options) run(ctx context.Context) error {
	fleet, err := o.build()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	running, ctx := errgroup.WithContext(ctx)
	for _, a := range fleet {
		running.Go(func() error { return a.Run(ctx) })
	}
	err = o.drive(ctx, fleet)
	cancel()
	return errors.Join(running.Wait(), err)
}

func (o options) build() ([]*agent.Agent, error) {
	fleet := make([]*agent.Agent, o.agents)
	for i := range fleet {
		cfg := agent.DefaultConfig()
		cfg.ID, cfg.Servers = fmt.Sprintf("fleet-%05d", i), strings.Split(o.server, ",")
		cfg.StateDir = filepath.Join(o.dir, cfg.ID)
		a, err := agent.New(cfg, agent.WithHandler(shell, agent.HandlerFunc(answer), agent.RunAgain))
		if err != nil {
			return nil, err
		}
		fleet[i] = a
	}
	return fleet, nil
}
