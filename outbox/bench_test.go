package outbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/retry"
	"github.com/kanade-go/kanade/retry/jstest"
)

const (
	benchDrained = 20_000
	benchSize    = 250
)

// BenchmarkDrain compares the drain of a full outbox into a real broker with a
// bare loop that reads, publishes and unlinks files of the same content. Both
// run in turns in processes of their own, whose peak memory is printed too.
func BenchmarkDrain(b *testing.B) {
	broker := jstest.StartBroker(b)
	js, err := jetstream.New(broker.Connect())
	require.NoError(b, err)
	stream, err := js.CreateStream(b.Context(), jetstream.StreamConfig{Name: "BENCH", Subjects: []string{"bench.>"}})
	require.NoError(b, err)
	times := map[string][]float64{}
	memory := map[string]float64{}
	for b.Loop() {
		for _, how := range []string{drainBare, drainBox} {
			dir := fullFolder(b)
			took, peak := drainProcess(b, how, dir, broker.URL())
			times[how] = append(times[how], took)
			memory[how] = max(memory[how], peak)
		}
		require.NoError(b, stream.Purge(b.Context()))
	}
	bare, box := benchDrained/median(times[drainBare]), benchDrained/median(times[drainBox])
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(bare, "bare/s")
	b.ReportMetric(box, "drain/s")
	b.ReportMetric(box/bare, "drain/bare")
	b.ReportMetric(memory[drainBare]/(1<<20), "bare-MiB")
	b.ReportMetric(memory[drainBox]/(1<<20), "drain-MiB")
}

func median(all []float64) float64 {
	slices.Sort(all)
	return all[len(all)/2]
}

// fullFolder is an outbox folder as a long outage leaves it.
func fullFolder(b *testing.B) string {
	dir := b.TempDir()
	for range benchDrained {
		id := randomID()
		data := fmt.Sprintf(`{"request_id":"%s","result_id":"%s","stdout":"%s"}`, id, id, strings.Repeat("x", benchSize-120))
		require.NoError(b, os.WriteFile(filepath.Join(dir, id+fileSuffix), []byte(data), 0o600))
	}
	return dir
}

// benchCodec is a contract-like codec whose records go where the benchmark
// wants them.
type benchCodec struct{ resultCodec }

func (c benchCodec) Decode(name string, file io.Reader) (Record, error) {
	r, err := c.resultCodec.Decode(name, file)
	r.Subject = "bench.drain"
	return r, err
}

const (
	drainHelper = "OUTBOX_BENCH_DRAIN" // bare or box; makes the test binary a draining program
	drainDir    = "OUTBOX_BENCH_DIR"
	drainURL    = "OUTBOX_BENCH_URL"
	drainBare   = "bare"
	drainBox    = "box"
)

func drainProcess(b *testing.B, how, dir, url string) (seconds, peak float64) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), drainHelper+"="+how, drainDir+"="+dir, drainURL+"="+url)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	require.NoError(b, err, string(out))
	_, err = fmt.Sscan(string(out), &seconds, &peak)
	require.NoError(b, err, string(out))
	left, err := os.ReadDir(dir)
	require.NoError(b, err)
	require.LessOrEqual(b, len(left), 1)
	return seconds, peak
}

// drainProgram is the process of drainProcess.
func drainProgram() error {
	nc, err := nats.Connect(os.Getenv(drainURL))
	if err != nil {
		return err
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return err
	}
	drain := bareDrain
	if os.Getenv(drainHelper) == drainBox {
		drain = boxDrain
	}
	start := time.Now()
	if err := drain(os.Getenv(drainDir), nc, js); err != nil {
		return err
	}
	took := time.Since(start)
	_, err = fmt.Println(took.Seconds(), peakMemory())
	return err
}

// bareDrain is what a drain cannot do without: list, read, publish, unlink.
func bareDrain(dir string, _ *nats.Conn, js jetstream.JetStream) error {
	list, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	type sent struct {
		path string
		ack  jetstream.PubAckFuture
	}
	window := make(chan sent, defaultWindow)
	ended := make(chan error, 1)
	go func() {
		for s := range window {
			select {
			case <-s.ack.Ok():
				err = errors.Join(err, os.Remove(s.path))
			case e := <-s.ack.Err():
				err = errors.Join(err, e)
			}
		}
		ended <- err
	}()
	for _, d := range list {
		path := filepath.Join(dir, d.Name())
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		m := nats.NewMsg("bench.drain")
		m.Header.Set(jetstream.MsgIDHeader, strings.TrimSuffix(d.Name(), fileSuffix))
		m.Data = data
		f, err := js.PublishMsgAsync(m)
		if err != nil {
			return err
		}
		window <- sent{path, f}
	}
	close(window)
	return <-ended
}

func boxDrain(dir string, nc *nats.Conn, js jetstream.JetStream) error {
	box, err := Open(dir, WithCodec(benchCodec{}), WithTransport(retry.FromNATS(nc)))
	if err != nil {
		return err
	}
	sent, err := box.Flush(context.Background(), js)
	if err != nil || sent != benchDrained {
		return fmt.Errorf("%d sent: %w", sent, err)
	}
	return box.Close()
}
