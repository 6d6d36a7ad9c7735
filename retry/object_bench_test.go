package retry_test

import (
	"bytes"
	"io"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/retry"
	"github.com/kanade-go/kanade/retry/jstest"
)

// ReadObject asks for one chunk at a time, nats.go lets the server push them: what that costs on a line without latency.
func BenchmarkObject(b *testing.B) {
	const size = 8 << 20
	broker := jstest.StartBroker(b)
	store, err := broker.JetStream().CreateObjectStore(b.Context(), jetstream.ObjectStoreConfig{Bucket: "releases"})
	require.NoError(b, err)
	_, err = store.Put(b.Context(), jetstream.ObjectMeta{Name: "a"}, bytes.NewReader(make([]byte, size)))
	require.NoError(b, err)
	reader := retry.NewObjectReader(retry.FromNATS(broker.Connect(nats.Name("reader"))))
	b.Run("ReadObject", func(b *testing.B) {
		b.SetBytes(size)
		b.ReportAllocs()
		for b.Loop() {
			_, err := retry.ReadObject(b.Context(), reader, "releases", "a", func(*jetstream.ObjectInfo) (io.Writer, error) {
				return io.Discard, nil
			})
			require.NoError(b, err)
		}
	})
	b.Run("nats.go", func(b *testing.B) {
		b.SetBytes(size)
		b.ReportAllocs()
		for b.Loop() {
			result, err := store.Get(b.Context(), "a")
			require.NoError(b, err)
			_, err = io.Copy(io.Discard, result)
			require.NoError(b, err)
		}
	})
}
