package outbox_test

import (
	"context"
	"fmt"
	"os"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/kanade-go/kanade/outbox"
	"github.com/kanade-go/kanade/retry"
)

// printer stands for a JetStream context.
type printer struct{}

func (printer) PublishMsg(_ context.Context, m *nats.Msg, _ ...jetstream.PublishOpt) (*jetstream.PubAck, error) {
	fmt.Printf("%s %s %s\n", m.Subject, m.Header.Get(jetstream.MsgIDHeader), m.Data)
	return &jetstream.PubAck{Stream: "ORDERS", Sequence: 1}, nil
}

func Example() {
	run := func(ctx context.Context, dir string) error {
		box, err := outbox.Open(dir)
		if err != nil {
			return err
		}
		defer box.Close()
		order := outbox.Record{Name: "order-17", MsgID: "17", Subject: "orders.new", Data: []byte("3 apples")}
		if err := box.Put(ctx, order); err != nil {
			return err
		}
		sent, err := box.Flush(ctx, printer{})
		fmt.Println(sent, box.Stats().Pending)
		return err
	}
	dir, err := os.MkdirTemp("", "outbox")
	if err == nil {
		err = run(context.Background(), dir)
	}
	fmt.Println(err, os.RemoveAll(dir))
	// Output:
	// orders.new 17 3 apples
	// 1 0
	// <nil> <nil>
}

// A service drains in the background for as long as it runs.
func ExampleOutbox_Drain() {
	run := func(ctx context.Context, dir string, nc *nats.Conn) error {
		js, err := jetstream.New(nc)
		if err != nil {
			return err
		}
		box, err := outbox.Open(dir, outbox.WithTransport(retry.FromNATS(nc)))
		if err != nil {
			return err
		}
		defer box.Close()
		return box.Drain(ctx, js) // elsewhere: box.Put
	}
	_ = run
}
