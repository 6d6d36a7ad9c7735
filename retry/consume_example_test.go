package retry_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/kanade-go/kanade/retry"
)

// A worker that may be started before its stream exists, and outlives whatever happens to stream, consumer and broker.
func ExampleConsume() {
	ctx := context.Background()
	nc, err := nats.Connect(nats.DefaultURL, nats.RetryOnFailedConnect(true), nats.MaxReconnects(-1), nats.IgnoreAuthErrorAbort())
	if err != nil {
		log.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		log.Fatal(err)
	}
	jobs := retry.FixedConsumer(jetstream.ConsumerConfig{
		Durable: "worker", AckPolicy: jetstream.AckExplicitPolicy, FilterSubjects: []string{"jobs.print", "jobs.scan"},
	})
	err = retry.Consume(ctx, js, "JOBS", jobs, func(_ context.Context, m jetstream.Msg) error {
		fmt.Println("job", string(m.Data()))
		return m.Ack() // an error would have given the message back
	}, retry.WithTransport(retry.FromNATS(nc)))
	log.Print(err) // ctx has ended, or the configuration or the connection is beyond hope
}

// A download that outlives the broker. What is in the file counts only after the nil error.
func ExampleReadObject() {
	ctx := context.Background()
	nc, err := nats.Connect(nats.DefaultURL, nats.RetryOnFailedConnect(true), nats.MaxReconnects(-1), nats.IgnoreAuthErrorAbort())
	if err != nil {
		log.Fatal(err)
	}
	defer nc.Close()
	transport := retry.FromNATS(nc)
	file, err := os.Create("release.bin")
	if err != nil {
		log.Fatal(err)
	}
	defer file.Close()
	_, err = retry.ReadObject(ctx, retry.NewObjectReader(transport), "releases", "1.2.3", func(*jetstream.ObjectInfo) (io.Writer, error) {
		if _, err := file.Seek(0, io.SeekStart); err != nil {
			return nil, err
		}
		return file, file.Truncate(0)
	}, retry.WithTransport(transport))
	if err != nil {
		log.Fatal(err)
	}
}
