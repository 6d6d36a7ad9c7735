package retry_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/kanade-go/kanade/retry"
)

// A program that needs a bucket and may be started before the broker, and before anybody has made the bucket.
func Example() {
	ctx := context.Background()
	nc, err := nats.Connect(nats.DefaultURL, nats.RetryOnFailedConnect(true), nats.MaxReconnects(-1), nats.IgnoreAuthErrorAbort())
	if err != nil {
		log.Fatal(err) // a URL or an option that makes no sense: an absent broker is not an error here
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		log.Fatal(err)
	}
	settings, err := retry.WaitForKV(ctx, js, "settings",
		retry.WithTransport(retry.FromNATS(nc)), retry.WithLogger(slog.Default()))
	if err != nil {
		log.Fatal(err) // ctx has ended, or the name or the connection is beyond hope
	}
	fmt.Println("found", settings.Bucket())
}

// Any operation can be tried for ever, NATS or not.
func ExampleForever() {
	tries := 0
	greeting, err := retry.Forever(context.Background(), "greeting", func(context.Context) (string, error) {
		if tries++; tries < 3 {
			return "", errors.New("nobody there")
		}
		return "hello", nil
	}, retry.WithBackoff(retry.Backoff{Min: time.Millisecond}), retry.WithOnAttempt(func(a retry.Attempt) {
		fmt.Println(a.What, a.N, a.Err, a.Wait)
	}))
	fmt.Println(greeting, err)
	// Output:
	// greeting 1 nobody there 1ms
	// greeting 2 nobody there 2ms
	// greeting 3 <nil> 0s
	// hello <nil>
}

// An error that no further attempt can cure ends the wait.
func ExamplePermanent() {
	_, err := retry.Forever(context.Background(), "license", func(context.Context) (int, error) {
		return 0, retry.Permanent(errors.New("revoked"))
	})
	fmt.Println(err, retry.IsPermanent(err))
	// Output: retry: wait for license: revoked true
}

// The first five pauses of the default, without their jitter.
func ExampleBackoff_Delay() {
	for attempt := range 5 {
		fmt.Println(retry.DefaultBackoff().Delay(attempt + 1))
	}
	// Output:
	// 1s
	// 2s
	// 4s
	// 8s
	// 16s
}
