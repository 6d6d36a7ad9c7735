package subscribed_test

import (
	"context"
	"log"
	"log/slog"

	"github.com/nats-io/nats.go"

	"github.com/kanade-go/kanade/agent/internal/subscribed"
	"github.com/kanade-go/kanade/retry"
)

func Example() {
	ctx := context.Background()
	nc, err := nats.Connect(nats.DefaultURL, nats.RetryOnFailedConnect(true), nats.MaxReconnects(-1))
	if err != nil {
		log.Fatal(err)
	}
	s := subscribed.New(retry.FromNATS(nc), nil, slog.Default())
	if _, err := s.Subscribe("orders.>", 1000, func(m *nats.Msg) { log.Print(m.Subject) }); err != nil {
		log.Fatal(err)
	}
	err = s.Run(ctx) // makes anew what is refused
	s.Drain(ctx)
	log.Print(err)
}
