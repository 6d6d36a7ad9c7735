package telemetry_test

import (
	"context"
	"log"
	"log/slog"

	"github.com/nats-io/nats.go"

	"github.com/kanade-go/kanade/agent/internal/supervise"
	"github.com/kanade-go/kanade/agent/internal/telemetry"
	"github.com/kanade-go/kanade/retry"
)

func Example() {
	nc, err := nats.Connect(nats.DefaultURL, nats.RetryOnFailedConnect(true), nats.MaxReconnects(-1))
	if err != nil {
		log.Fatal(err)
	}
	s := telemetry.New(telemetry.Config{PCID: "PC-1", Version: "1.0.0", Transport: retry.FromNATS(nc), Logger: slog.Default()})
	tasks := supervise.NewGroup(context.Background(), slog.Default(), append(s.Tasks(), s.Answers()...)...)
	defer tasks.Stop()
}
