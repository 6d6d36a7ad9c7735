package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/nats-io/nats.go"
	"golang.org/x/sync/errgroup"

	"github.com/kanade-go/kanade/agent"
	"github.com/kanade-go/kanade/agent/wire"
)

// run puts broker, agent and client together in a temporary folder, and takes
// them apart again when the client is done or ctx ends.
func run(ctx context.Context, o options, out *page) (err error) {
	dir, err := os.MkdirTemp("", "kanade-quickstart-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	log := newLogger(o.verbose)
	broker, err := startBroker(filepath.Join(dir, "broker"), log)
	if err != nil {
		return err
	}
	defer broker.stop()
	nc, err := nats.Connect(broker.url)
	if err != nil {
		return fmt.Errorf("connect to the embedded broker: %w", err)
	}
	defer nc.Close()
	return converse(ctx, o, nc, filepath.Join(dir, "state"), log, out)
}

// converse runs the agent for as long as the client talks to it.
func converse(ctx context.Context, o options, nc *nats.Conn, state string, log *slog.Logger, out *page) error {
	c, err := newClient(ctx, nc)
	if err != nil {
		return unlessStopped(ctx, err)
	}
	defer c.close()
	a, cfg, err := newAgent(nc.ConnectedUrl(), state, log)
	if err != nil {
		return err
	}
	out.hosts(nc, cfg)
	ctx, finish := context.WithCancel(ctx)
	defer finish()
	both, ctx := errgroup.WithContext(ctx)
	both.Go(func() error { return a.Run(ctx) })
	both.Go(func() error {
		defer finish()
		return unlessStopped(ctx, talk(ctx, o, c, a, cfg, out))
	})
	return both.Wait()
}

func newAgent(url, state string, log *slog.Logger) (*agent.Agent, agent.Config, error) {
	cfg := agent.DefaultConfig()
	cfg.Servers, cfg.StateDir = []string{url}, state
	cfg.Grace = time.Second // a demonstration may stop a script sooner than a service
	if wire.ValidatePCID(cfg.ID) != nil {
		cfg.ID = "quickstart" // the host name cannot stand in a subject
	}
	a, err := agent.New(cfg, agent.WithLogger(log))
	return a, cfg, err
}

// talk sends the command, shows its result, and with --stay those of others.
func talk(ctx context.Context, o options, c *client, a *agent.Agent, cfg agent.Config, out *page) error {
	select {
	case <-a.Ready():
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := exchange(ctx, newCommand(o), c, cfg, out); err != nil || !o.stay {
		return err
	}
	out.invitation(c.nc.ConnectedUrl(), cfg.ID, o.shell)
	return c.follow(ctx, out.resultOfAnother)
}

func exchange(ctx context.Context, command wire.Command, c *client, cfg agent.Config, out *page) error {
	out.sends(command, cfg)
	sent := time.Now()
	if err := c.send(cfg.ID, command); err != nil {
		return err
	}
	got, err := c.resultOf(ctx, command.RequestID)
	if err != nil {
		return err
	}
	out.result(got)
	out.took(got, time.Since(sent))
	out.story()
	return nil
}

// unlessStopped drops the errors that a stop brings about.
func unlessStopped(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		return err
	}
	return nil
}

func newLogger(verbose bool) *slog.Logger {
	level := slog.LevelWarn
	if verbose {
		level = slog.LevelDebug
	}
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
}
