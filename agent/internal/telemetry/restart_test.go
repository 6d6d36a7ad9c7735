package telemetry

import (
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/internal/logtest"
)

// A part that panics is told with its stack and started again; the others do not
// notice.
func TestATaskThatPanicsIsStartedAgain(t *testing.T) {
	within(t, func(t *testing.T) {
		var log logtest.Buffer
		var calls atomic.Int32
		b := newBench(t, func(b *bench) {
			b.log = slog.New(slog.NewTextHandler(&log, nil))
			b.complete = func(*wire.Heartbeat) {
				if calls.Add(1)%5 == 2 {
					panic("lost it")
				}
			}
		})
		b.sleep(30 * time.Minute)
		b.stop()
		panics := int(calls.Load()+3) / 5
		require.GreaterOrEqual(t, panics, 5)
		require.Len(t, b.heartbeats, int(calls.Load())-panics, "only those of the panics are missing")
		require.GreaterOrEqual(t, len(b.heartbeats), 30*60/30-panics)
		require.Equal(t, panics, log.Count("a part of the agent failed and is started again"))
		require.Equal(t, panics, log.Count("restart_test.go"))
		require.GreaterOrEqual(t, len(b.loads), 30)
	})
}

// Settings that are never told of again keep the last interval; the broken source
// costs no more than its ticks.
func TestASourceOfSettingsThatIsSilent(t *testing.T) {
	within(t, func(t *testing.T) {
		b := newBench(t, func(b *bench) { b.cfg.HeartbeatInterval, b.changed = 10*time.Second, nil })
		b.sleep(10 * time.Minute)
		b.stop()
		require.GreaterOrEqual(t, len(b.heartbeats), 60)
		require.LessOrEqual(t, len(b.heartbeats), 62)
	})
}
