package intake_test

import (
	"context"
	"log"
	"log/slog"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/kanade-go/kanade/agent/internal/delivery"
	"github.com/kanade-go/kanade/agent/internal/intake"
	"github.com/kanade-go/kanade/retry"
)

func Example() {
	ctx := context.Background()
	nc, err := nats.Connect(nats.DefaultURL, nats.RetryOnFailedConnect(true), nats.MaxReconnects(-1))
	if err != nil {
		log.Fatal(err)
	}
	js, err := jetstream.New(nc)
	if err != nil {
		log.Fatal(err)
	}
	t, id, out := retry.FromNATS(nc), "PC-1", make(chan delivery.Delivery)
	groups := func() ([]string, <-chan struct{}) { return []string{"canary"}, nil }
	kill := func(execID string) { log.Print("kill ", execID) }

	live := &intake.Live{Transport: t, PCID: id, Groups: groups, Out: out, Kill: kill, Logger: slog.Default()}
	replay := &intake.Replay{JetStream: js, Transport: t, PCID: id, Groups: live.Joined, Out: out, Logger: slog.Default()}
	if err := live.Subscribe(ctx); err != nil {
		log.Fatal(err)
	}
	go func() { log.Print(live.Run(ctx)) }()
	go func() { log.Print(replay.Run(ctx)) }()
	for d := range out {
		d.Answer(delivery.Ack)
	}
}
