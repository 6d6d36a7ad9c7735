package main

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"

	"github.com/kanade-go/kanade/agent"
	"github.com/kanade-go/kanade/agent/wire"
)

// shell is the kind of command that the fleet understands: no process is
// started, so that the agents are measured and not this machine's sh.
const shell = "fleet"

func answer(_ context.Context, job agent.Job) error {
	_, err := fmt.Fprintln(job.Stdout, "here")
	return err
}

// drive waits for the fleet and sends it one command after the other.
func (o options) drive(ctx context.Context, fleet []*agent.Agent) error {
	began := time.Now()
	for _, a := range fleet {
		select {
		case <-a.Ready():
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	fmt.Printf("%d agents take commands after %v, with %d KiB of memory each\n",
		len(fleet), time.Since(began).Round(time.Millisecond), m.Sys>>10/uint64(len(fleet)))
	nc, err := nats.Connect(o.server)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer nc.Close()
	for n := range o.rounds {
		if err := round(ctx, nc, n+1, len(fleet)); err != nil {
			return err
		}
	}
	return nil
}

// round sends a command to all hosts and waits for the result of each.
func round(ctx context.Context, nc *nats.Conn, n, hosts int) error {
	c := wire.Command{ID: "fleet", Version: "1", RequestID: uuid.NewString(), Shell: shell, Script: "here", TimeoutSecs: 60}
	data, err := c.Encode()
	if err != nil {
		return err
	}
	results, err := nc.SubscribeSync(wire.ResultSubject(c.RequestID))
	if err != nil {
		return err
	}
	defer func() { _ = results.Unsubscribe() }()
	began := time.Now()
	if err := nc.Publish(wire.CommandsAll(), data); err != nil {
		return err
	}
	var first time.Duration
	from := map[string]bool{}
	for len(from) < hosts {
		msg, err := results.NextMsgWithContext(ctx)
		if err != nil {
			return fmt.Errorf("round %d, %d of %d results: %w", n, len(from), hosts, err)
		}
		r, err := wire.DecodeResult(msg.Data)
		if err != nil {
			return err
		}
		from[r.PCID] = true
		if len(from) == 1 {
			first = time.Since(began)
		}
	}
	fmt.Printf("round %d: %d results, the first after %v, the last after %v\n",
		n, len(from), first.Round(time.Microsecond), time.Since(began).Round(time.Millisecond))
	return nil
}
