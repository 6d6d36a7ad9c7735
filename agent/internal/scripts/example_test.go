package scripts_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/kanade-go/kanade/agent/internal/scripts"
	"github.com/kanade-go/kanade/retry"
	"github.com/kanade-go/kanade/retry/jstest"
)

func Example() {
	dir, err := os.MkdirTemp("", "scripts")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = os.RemoveAll(dir) }()
	ctx := context.Background()

	broker := jstest.NewFake()
	store, err := broker.JetStream().CreateObjectStore(ctx, jetstream.ObjectStoreConfig{Bucket: "scripts"})
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err := store.PutString(ctx, "disk-report/1.4.0", "echo hello"); err != nil {
		fmt.Println(err)
		return
	}

	cache := scripts.Open(scripts.Config{
		Dir: filepath.Join(dir, "script_cache"), Objects: retry.NewObjectReader(broker.Conn()), Transport: broker.Conn(),
	})
	sum := sha256.Sum256([]byte("echo hello"))
	digest := hex.EncodeToString(sum[:])

	_, fetch, err := cache.Script("disk-report/1.4.0", digest)
	fmt.Println(fetch != nil, err)
	fmt.Println(fetch(ctx))
	broker.Disconnect()
	script, fetch, err := cache.Script("disk-report/1.4.0", digest)
	fmt.Println(script, fetch == nil, err)
	// Output:
	// true <nil>
	// <nil>
	// echo hello true <nil>
}
