package logs_test

import (
	"context"
	"log"
	"log/slog"

	"github.com/nats-io/nats.go"

	"github.com/kanade-go/kanade/agent/internal/logs"
	"github.com/kanade-go/kanade/retry"
)

func Example() {
	nc, err := nats.Connect(nats.DefaultURL, nats.RetryOnFailedConnect(true), nats.MaxReconnects(-1))
	if err != nil {
		log.Fatal(err)
	}
	tail := logs.New(logs.Config{PCID: "PC-1", File: "/var/log/kanade/agent.log", Transport: retry.FromNATS(nc), Logger: slog.Default()})
	log.Print(tail.Run(context.Background()))
}
