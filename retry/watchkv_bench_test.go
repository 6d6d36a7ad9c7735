package retry_test

import (
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/retry/jstest"
)

// BenchmarkWritesMissedByOneRead counts the starts that miss the last of some concurrent writes although they subscribe,
// flush and then read: the reason for WatchKV's second read. Run it with -benchtime=400x.
func BenchmarkWritesMissedByOneRead(b *testing.B) {
	for _, burst := range []int{1, 20, 200} {
		b.Run(fmt.Sprintf("%d writes", burst), func(b *testing.B) {
			broker := jstest.StartBroker(b)
			_, err := broker.JetStream().CreateKeyValue(b.Context(), jetstream.KeyValueConfig{Bucket: "settings"})
			require.NoError(b, err)
			reader, writer := broker.Connect(), broker.Connect()
			missed := 0
			for i := 0; b.Loop(); i++ {
				if missesTheLast(b, reader, writer, i*1000, burst) {
					missed++
				}
			}
			b.ReportMetric(float64(missed)/float64(b.N), "missed/op")
		})
	}
}

func missesTheLast(b *testing.B, reader, writer *nats.Conn, base, burst int) bool {
	b.Helper()
	const subject = "$KV.settings.global"
	var writing sync.WaitGroup
	writing.Go(func() {
		for i := range burst {
			_ = writer.Publish(subject, []byte(strconv.Itoa(base+i)))
		}
		_ = writer.Flush()
	})
	hints := make(chan *nats.Msg, burst)
	sub, err := reader.ChanSubscribe(subject, hints)
	require.NoError(b, err)
	require.NoError(b, reader.Flush())
	reply, err := reader.Request("$JS.API.DIRECT.GET.KV_settings", []byte(`{"last_by_subj":"`+subject+`"}`), 5*time.Second)
	require.NoError(b, err)
	writing.Wait()
	require.NoError(b, reader.Flush()) // what was handed over is here
	require.NoError(b, sub.Unsubscribe())
	return string(reply.Data) != strconv.Itoa(base+burst-1) && len(hints) == 0
}
