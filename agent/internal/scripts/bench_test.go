package scripts

import (
	"context"
	"crypto/sha256"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/retry"
	"github.com/kanade-go/kanade/retry/jstest"
)

// What a run of a cached script costs before it starts, beside the hash that it cannot do without:
//
//	go test -run '^$' -bench . ./agent/internal/scripts
func BenchmarkHit(b *testing.B) {
	for _, size := range []int{1 << 10, 64 << 10, MaxScript} {
		script := strings.Repeat("0123456789abcde\n", size/16)
		b.Run(fmt.Sprintf("sha256-alone/%dKiB", size>>10), func(b *testing.B) {
			data := []byte(script)
			b.SetBytes(int64(size))
			for b.Loop() {
				_ = sha256.Sum256(data)
			}
		})
		b.Run(fmt.Sprintf("hit/%dKiB", size>>10), func(b *testing.B) {
			c := Open(Config{Dir: b.TempDir()})
			digest := sumOf(script)
			require.NoError(b, c.keep(b.Context(), digest, script))
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				got, fetch, err := c.Script("job/1", digest)
				if len(got) != size || fetch != nil || err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// A first use: through a broker on this host, onto its disk.
func BenchmarkFetch(b *testing.B) {
	broker := jstest.StartBroker(b)
	store, err := broker.JetStream().CreateObjectStore(b.Context(), jetstream.ObjectStoreConfig{Bucket: wire.StoreScripts})
	require.NoError(b, err)
	transport := retry.FromNATS(broker.Connect())
	for _, size := range []int{1 << 10, MaxScript} {
		script := strings.Repeat("0123456789abcde\n", size/16)
		_, err := store.PutString(b.Context(), fmt.Sprint(size), script)
		require.NoError(b, err)
		b.Run(fmt.Sprintf("%dKiB", size>>10), func(b *testing.B) {
			c := Open(Config{Dir: filepath.Join(b.TempDir(), "c"), Objects: retry.NewObjectReader(transport), Transport: transport})
			b.SetBytes(int64(size))
			for b.Loop() {
				if err := c.Prefetch(context.Background(), fmt.Sprint(size), sumOf(script)); err != nil {
					b.Fatal(err)
				}
				if err := c.folder.discard(sumOf(script)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
