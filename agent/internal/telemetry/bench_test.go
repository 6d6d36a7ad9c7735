package telemetry

import (
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/retry/jstest"
)

// BenchmarkTick prints what one message of each kind costs on this host, from
// measuring to sending.
func BenchmarkTick(b *testing.B) {
	cfg := wire.DefaultConfig()
	cfg.ProcessPerfEnabled = true
	s := New(Config{
		PCID: "PC-1", Version: "1.0.0", Transport: jstest.NewFake().Conn(), Logger: slog.New(slog.DiscardHandler),
		Settings: func() (wire.EffectiveConfig, <-chan struct{}) { return cfg, nil },
	})
	b.Run("heartbeat", func(b *testing.B) {
		b.ReportAllocs()
		beats := newBeats(s)
		for b.Loop() {
			beats.tick(b.Context(), false)
		}
		require.NotNil(b, beats.last)
	})
	b.Run("host", func(b *testing.B) {
		b.ReportAllocs()
		load := newHostLoad(s)
		for b.Loop() {
			load.tick(b.Context(), false)
		}
		require.NotNil(b, load.baselines.cpu)
	})
	b.Run("processes", func(b *testing.B) {
		b.ReportAllocs()
		load := newProcessLoad(s)
		load.tick(b.Context(), false) // the one that waits
		for b.Loop() {
			load.tick(b.Context(), false)
		}
		require.NotEmpty(b, load.top)
	})
}
