package outbox

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/retry/jstest"
)

const (
	benchDrained = 20_000
	benchSize    = 250
)

// BenchmarkDrain compares the drain of a full outbox into a real broker with a
// bare loop that reads, publishes and unlinks files of the same content. Both
// run in turns in processes of their own, whose peak memory is printed too; who
// comes second has the disk still busy with the files and messages of the first.
func BenchmarkDrain(b *testing.B) {
	broker := jstest.StartBroker(b)
	js, err := jetstream.New(broker.Connect())
	require.NoError(b, err)
	stream, err := js.CreateStream(b.Context(), jetstream.StreamConfig{Name: "BENCH", Subjects: []string{"bench.>"}})
	require.NoError(b, err)
	program := drainProgram(b)
	times := map[string][]float64{}
	memory := map[string]float64{}
	turns := []string{"bare", "box"}
	for b.Loop() {
		for _, how := range turns {
			dir := fullFolder(b)
			took, peak := drainProcess(b, program, how, dir, broker.URL())
			times[how] = append(times[how], took)
			memory[how] = max(memory[how], peak)
		}
		require.NoError(b, stream.Purge(b.Context()))
		slices.Reverse(turns)
	}
	bare, box := benchDrained/median(times["bare"]), benchDrained/median(times["box"])
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(bare, "bare/s")
	b.ReportMetric(box, "drain/s")
	b.ReportMetric(box/bare, "drain/bare")
	b.ReportMetric(memory["bare"]/(1<<20), "bare-MiB")
	b.ReportMetric(memory["box"]/(1<<20), "drain-MiB")
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
	require.NoError(b, os.WriteFile(filepath.Join(dir, lockName), nil, 0o600)) // of the process before
	old := time.Now().Add(-time.Hour)
	require.NoError(b, os.Chtimes(dir, old, old))
	return dir
}

// drainProgram builds the program that both halves of the benchmark run in.
func drainProgram(b *testing.B) string {
	program := filepath.Join(b.TempDir(), "drain.exe")
	out, err := exec.Command("go", "build", "-o", program, "./testdata/drain").CombinedOutput()
	require.NoError(b, err, string(out))
	return program
}

func drainProcess(b *testing.B, program, how, dir, url string) (seconds, peak float64) {
	cmd := exec.Command(program, how, dir, url)
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
