package outbox

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/outbox/atomicfile"
	"github.com/kanade-go/kanade/retry/jstest"
)

const (
	benchDrained = 20_000
	benchSize    = 250
)

// BenchmarkPut compares Put with the bare steps it promises, done by the same
// number of writers in the same run: write, fsync, rename, fsync of the folder.
func BenchmarkPut(b *testing.B) {
	for _, writers := range []int{1, 32} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			bare := b.TempDir()
			var syncs atomic.Int64
			box := openBench(b, b.TempDir(), WithFS(newHookFS(func(op, _ string) error {
				if op == "syncdir" {
					syncs.Add(1)
				}
				return nil
			})))
			data := bytes.Repeat([]byte("x"), benchSize)
			var bareTime, putTime time.Duration
			for b.Loop() {
				bareTime += eachWriter(b, writers, func(name string) error { return bareStore(bare, name, data) })
				putTime += eachWriter(b, writers, func(name string) error {
					return box.Put(b.Context(), Record{Name: name, Subject: "bench.put", Data: data})
				})
			}
			records := float64(b.N * benchBatch)
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(records/bareTime.Seconds(), "bare/s")
			b.ReportMetric(records/putTime.Seconds(), "put/s")
			b.ReportMetric(bareTime.Seconds()/putTime.Seconds(), "put/bare")
			b.ReportMetric(float64(syncs.Load())/records, "foldersyncs/put")
		})
	}
}

const benchBatch = 256

var benchNames atomic.Int64

// eachWriter lets writers store benchBatch new names and returns how long that
// took.
func eachWriter(b *testing.B, writers int, store func(name string) error) time.Duration {
	var wg sync.WaitGroup
	var left atomic.Int64
	left.Store(benchBatch)
	start := time.Now()
	for range writers {
		wg.Go(func() {
			for left.Add(-1) >= 0 {
				if err := store("r" + strconv.FormatInt(benchNames.Add(1), 10)); err != nil {
					b.Error(err)
				}
			}
		})
	}
	wg.Wait()
	return time.Since(start)
}

func bareStore(dir, name string, data []byte) error {
	path := filepath.Join(dir, name)
	f, err := os.OpenFile(path+".tmp", os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if _, err := f.Write(data); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := os.Rename(path+".tmp", path); err != nil {
		return err
	}
	return atomicfile.OS.SyncDir(dir)
}

// BenchmarkDrain compares the drain of a full outbox into a real broker with a
// bare loop that publishes the same messages from memory.
func BenchmarkDrain(b *testing.B) {
	broker := jstest.StartBroker(b)
	js, err := jetstream.New(broker.Connect())
	require.NoError(b, err)
	_, err = js.CreateStream(b.Context(), jetstream.StreamConfig{Name: "BENCH", Subjects: []string{"bench.>"}})
	require.NoError(b, err)
	var bareTime, drainTime time.Duration
	for b.Loop() {
		bareTime += bareDrain(b, js)
		drainTime += fullDrain(b, js)
	}
	records := float64(b.N * benchDrained)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(records/bareTime.Seconds(), "bare/s")
	b.ReportMetric(records/drainTime.Seconds(), "drain/s")
	b.ReportMetric(bareTime.Seconds()/drainTime.Seconds(), "drain/bare")
}

func bareDrain(b *testing.B, js jetstream.JetStream) time.Duration {
	data := bytes.Repeat([]byte("x"), benchSize)
	window := make(chan jetstream.PubAckFuture, defaultWindow)
	var wg sync.WaitGroup
	start := time.Now()
	wg.Go(func() {
		for f := range window {
			select {
			case <-f.Ok():
			case err := <-f.Err():
				b.Error(err)
			}
		}
	})
	for range benchDrained {
		m := nats.NewMsg("bench.drain")
		m.Header.Set(jetstream.MsgIDHeader, randomID())
		m.Data = data
		f, err := js.PublishMsgAsync(m)
		require.NoError(b, err)
		window <- f
	}
	close(window)
	wg.Wait()
	return time.Since(start)
}

func fullDrain(b *testing.B, p Publisher) time.Duration {
	dir := b.TempDir()
	data := bytes.Repeat([]byte("x"), benchSize)
	for range benchDrained {
		name := randomID()
		var file bytes.Buffer
		require.NoError(b, JSONEnvelope{}.Encode(&file, Record{Name: name, MsgID: name, Subject: "bench.drain", Data: data}))
		require.NoError(b, os.WriteFile(filepath.Join(dir, name+fileSuffix), file.Bytes(), 0o600))
	}
	box := openBench(b, dir)
	start := time.Now()
	sent, err := box.Flush(b.Context(), p)
	took := time.Since(start)
	require.NoError(b, err)
	require.Equal(b, benchDrained, sent)
	return took
}

func openBench(b *testing.B, dir string, opts ...Option) *Outbox {
	box, err := Open(dir, opts...)
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, box.Close()) })
	return box
}
