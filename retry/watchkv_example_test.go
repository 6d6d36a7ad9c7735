package retry_test

import (
	"context"
	"fmt"
	"log"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/kanade-go/kanade/retry"
	"github.com/kanade-go/kanade/retry/jstest"
)

// Settings that are right again after every outage, and that say how old they are.
func ExampleWatchKV() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	nc, err := nats.Connect(nats.DefaultURL, nats.RetryOnFailedConnect(true), nats.MaxReconnects(-1), nats.IgnoreAuthErrorAbort())
	if err != nil {
		log.Fatal(err)
	}
	defer nc.Close()
	err = retry.WatchKV(ctx, retry.NewKVReader(retry.FromNATS(nc)), "settings", retry.FixedKeys("global", "groups.*"),
		func(v retry.View) {
			if !v.Stale.IsZero() {
				fmt.Println("no news for", time.Since(v.Stale))
			}
			for key, e := range v.Entries {
				fmt.Printf("%s is %s since %s\n", key, e.Value, e.Created)
			}
		}, retry.WithLogger(slog.Default()))
	log.Fatal(err) // ctx has ended, or the bucket's name or the connection is beyond hope
}

// The same code against the fake of package jstest, as in a test. The keys to watch may change while it runs.
func ExampleKeys() {
	f := jstest.NewFake()
	ctx, cancel := context.WithCancel(context.Background())
	kv, err := f.JetStream().CreateKeyValue(ctx, jetstream.KeyValueConfig{Bucket: "settings"})
	if err != nil {
		log.Fatal(err)
	}
	if _, err := kv.PutString(ctx, "groups.office", "slow"); err != nil {
		log.Fatal(err)
	}
	patterns, changed := []string{"groups.lab"}, make(chan struct{})
	var mu sync.Mutex
	keys := func() ([]string, <-chan struct{}) {
		mu.Lock()
		defer mu.Unlock()
		return patterns, changed
	}
	seen := make(chan int)
	var watching sync.WaitGroup
	watching.Go(func() {
		_ = retry.WatchKV(ctx, retry.NewKVReader(f.Conn()), "settings", keys, func(v retry.View) { seen <- len(v.Entries) })
	})
	fmt.Println(<-seen, "keys")
	mu.Lock()
	close(changed)
	patterns, changed = []string{"groups.lab", "groups.office"}, make(chan struct{})
	mu.Unlock()
	fmt.Println(<-seen, "key")
	cancel()
	watching.Wait()
	// Output:
	// 0 keys
	// 1 key
}
