package responder_test

import (
	"context"
	"log"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/kanade-go/kanade/agent/internal/responder"
	"github.com/kanade-go/kanade/retry"
)

func Example() {
	nc, err := nats.Connect(nats.DefaultURL, nats.RetryOnFailedConnect(true), nats.MaxReconnects(-1))
	if err != nil {
		log.Fatal(err)
	}
	echo := func(_ context.Context, request []byte) ([]byte, error) { return request, nil }
	r := responder.Responder{
		Transport: retry.FromNATS(nc), Subject: "agents.PC-1.ping", Answer: echo,
		Every: time.Second, Burst: 10, Logger: slog.Default(),
	}
	log.Print(r.Run(context.Background()))
}
