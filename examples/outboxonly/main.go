// Command outboxonly publishes durably, without an agent: what it was given is on disk
// before it says so, and leaves the disk when a stream has acknowledged it,
// however long the broker or the stream stays away.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"syscall"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/kanade-go/kanade/outbox"
	"github.com/kanade-go/kanade/retry"
)

func main() {
	server := flag.String("server", nats.DefaultURL, "URL of the broker")
	dir := flag.String("dir", "", "folder of the outbox (required)")
	subject := flag.String("subject", "audit.outboxonly", "subject that some stream captures")
	flag.Usage = func() {
		fmt.Fprintln(os.Stderr, "usage: outboxonly -dir folder [flags] [message ...]")
		flag.PrintDefaults()
	}
	flag.Parse()
	if *dir == "" {
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	if err := run(ctx, *server, *dir, *subject, flag.Args()); err != nil {
		log.Fatal(err)
	}
}

// run keeps the messages and publishes what is pending, until ctx ends.
func run(ctx context.Context, server, dir, subject string, messages []string) (err error) {
	// With these two options the connection waits for its broker for ever.
	nc, err := nats.Connect(server, nats.RetryOnFailedConnect(true), nats.MaxReconnects(-1), nats.IgnoreAuthErrorAbort())
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return fmt.Errorf("open jetstream: %w", err)
	}
	box, err := outbox.Open(dir, outbox.WithTransport(retry.FromNATS(nc)), outbox.WithBeforeRemove(delivered))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, box.Close()) }()
	for _, text := range messages {
		if err := box.Put(ctx, outbox.Record{Subject: subject, Data: []byte(text)}); err != nil {
			return err
		}
	}
	fmt.Printf("%d pending in %s; Ctrl-C stops\n", box.Stats().Pending, dir)
	if err := box.Drain(ctx, js); err != nil {
		return err
	}
	fmt.Printf("%d still pending; the next run goes on with them\n", box.Stats().Pending)
	return nil
}

// delivered is called when a stream has acknowledged a record.
func delivered(_ context.Context, r outbox.Record) error {
	fmt.Printf("delivered to %s: %s\n", r.Subject, r.Data)
	return nil
}
