package retry_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/kanade-go/kanade/retry"
	"github.com/kanade-go/kanade/retry/jstest"
)

func ExampleDirectReader_ReadKey() {
	ctx, broker := context.Background(), jstest.NewFake()
	reader := retry.NewKVReader(broker.Conn()) // a program has retry.FromNATS(nc) here

	_, err := reader.ReadKey(ctx, "settings", "global")
	fmt.Println("no such bucket:", errors.Is(err, jetstream.ErrBucketNotFound))

	kv, err := broker.JetStream().CreateKeyValue(ctx, jetstream.KeyValueConfig{Bucket: "settings"})
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err := kv.PutString(ctx, "global", "on"); err != nil {
		fmt.Println(err)
		return
	}
	answer, err := reader.ReadKey(ctx, "settings", "global")
	fmt.Println(string(answer.Entry.Value), answer.Entry.Revision, err)

	if err := kv.Delete(ctx, "global"); err != nil {
		fmt.Println(err)
		return
	}
	_, err = reader.ReadKey(ctx, "settings", "global")
	fmt.Println("deleted:", errors.Is(err, jetstream.ErrKeyDeleted))
	// Output:
	// no such bucket: true
	// on 1 <nil>
	// deleted: true
}
