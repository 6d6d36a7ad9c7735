package events

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/outbox"
)

// BenchmarkEmit measures how long the lines of one output take to be stored, and
// beside it the same lines one after the other, in an outbox each.
func BenchmarkEmit(b *testing.B) {
	const lines = 10_000
	var stdout strings.Builder
	for i := range lines {
		fmt.Fprintf(&stdout, `{"pc_id":"x","at":"2031-03-04T04:59:30Z","kind":"k","source":"s","payload":{"n":%d}}`+"\n", i)
	}
	var serial, together time.Duration
	for i := 0; b.Loop(); i++ {
		serial += stored(b, func(r *Recorder) {
			number := 0
			for line := range strings.Lines(stdout.String()) {
				number++
				require.NoError(b, r.emit(b.Context(), command, number, strings.TrimSpace(line)))
			}
		})
		together += stored(b, func(r *Recorder) {
			require.True(b, r.Emit(b.Context(), command, stdout.String()))
		})
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(lines*b.N)/serial.Seconds(), "one-by-one/s")
	b.ReportMetric(float64(lines*b.N)/together.Seconds(), "lines/s")
}

func stored(b *testing.B, emit func(*Recorder)) time.Duration {
	box, err := outbox.Open(b.TempDir())
	require.NoError(b, err)
	r, _, _ := newRecorder()
	r.Observations = box
	began := time.Now()
	emit(r)
	took := time.Since(began)
	require.NoError(b, box.Close())
	return took
}
