package health_test

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/kanade-go/kanade/agent/internal/health"
	"github.com/kanade-go/kanade/retry"
	"github.com/kanade-go/kanade/retry/jstest"
)

func Example() {
	js := jstest.NewFake().JetStream()
	board := health.NewBoard(time.Now)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	changed := board.Changed() // before there is anything to miss
	go func() {
		<-changed
		for _, r := range board.Resources() {
			fmt.Printf("waiting for %s: %s (%s)\n", r.Name, r.Error, r.Reason)
		}
		_, _ = js.CreateStream(ctx, jetstream.StreamConfig{Name: "EXEC"})
	}()
	soon := retry.WithBackoff(retry.Backoff{Min: time.Millisecond, Max: time.Millisecond, Factor: 1})
	if _, err := retry.WaitForStream(ctx, js, "EXEC", board.Option(), soon); err != nil {
		fmt.Println(err)
	}
	fmt.Println(board.Resources()[0].Waiting.IsZero())
	// Output:
	// waiting for stream EXEC: nats: API error: code=404 err_code=10059 description=stream not found (missing)
	// true
}
