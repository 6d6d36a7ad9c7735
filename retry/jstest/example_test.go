package jstest_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/kanade-go/kanade/retry/jstest"
)

// A publish that fails twice, as code under test would meet it.
func ExampleNewFake() {
	ctx := context.Background()
	broker := jstest.NewFake()
	js := broker.JetStream()
	if _, err := js.CreateStream(ctx, jetstream.StreamConfig{Name: "RESULTS", Subjects: []string{"results.>"}}); err != nil {
		log.Fatal(err)
	}
	broker.Fail(jstest.OpPublish, errors.New("connection lost"), 2)
	for {
		ack, err := js.Publish(ctx, "results.1", []byte("done"))
		if err == nil {
			fmt.Println("stored as", ack.Sequence)
			return
		}
		fmt.Println(err)
	}
	// Output:
	// connection lost
	// connection lost
	// stored as 1
}
