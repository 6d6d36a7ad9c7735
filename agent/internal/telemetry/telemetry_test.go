package telemetry

import (
	"errors"
	"math"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/wire"
)

// within runs a test in a bubble, in parallel with others.
func within(t *testing.T, test func(*testing.T)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, test)
}

func TestHeartbeats(t *testing.T) {
	within(t, func(t *testing.T) {
		b := newBench(t)
		b.sleep(5 * time.Minute)
		b.stop()
		require.GreaterOrEqual(t, len(b.heartbeats), 10)
		first, second := b.heartbeats[0], b.heartbeats[1]
		require.Equal(t, "PC-1", first.PCID)
		require.Equal(t, "1.2.3", first.AgentVersion)
		require.NotEmpty(t, first.Hostname)
		require.NotEmpty(t, first.OSFamily)
		require.Nil(t, first.AgentCPUPct, "there is nothing to compare with")
		require.Equal(t, new(int64(4096)), first.AgentRSSBytes)
		require.Equal(t, new(int64(0)), first.AgentDiskReadBytes)
		require.Equal(t, new(int64(7)), first.AgentDiskWrittenBytes)
		require.Equal(t, new(1.0), second.AgentCPUPct, "a hundredth of a core")
		require.Equal(t, []string{}, second.CommandKeys)
		require.Equal(t, new(false), second.Enforcing)
	})
}

func TestHeartbeatsAreCompletedByOthers(t *testing.T) {
	within(t, func(t *testing.T) {
		b := newBench(t, func(b *bench) {
			b.complete = func(h *wire.Heartbeat) {
				h.Enforcing, h.CommandKeys, h.QuarantinedVersions = new(true), []string{"k:f"}, []string{"0.9"}
			}
		})
		b.sleep(time.Minute)
		b.stop()
		last := b.heartbeats[len(b.heartbeats)-1]
		require.Equal(t, new(true), last.Enforcing)
		require.Equal(t, []string{"0.9"}, last.QuarantinedVersions)
	})
}

func TestHostLoad(t *testing.T) {
	within(t, func(t *testing.T) {
		b := newBench(t)
		b.sleep(3 * time.Minute)
		b.turn(func(c *wire.EffectiveConfig) { c.HostPerfInterval = 20 * time.Second })
		b.sleep(minInterval + time.Millisecond) // after the last one
		changed := len(b.loads) - 1
		b.sleep(time.Minute)
		b.stop()
		for i, p := range b.loads {
			require.Equal(t, new(uint32(8)), p.CPUCount)
			require.Equal(t, new(int64(math.MaxInt64)), p.MemTotalBytes, "clamped")
			require.Equal(t, new(int64(0)), p.SwapTotalBytes, "0 is sent")
			if i == 0 || i == changed {
				require.Nil(t, p.CPUPct, i)
				require.Nil(t, p.DiskReadBytesPerSec, i)
				require.Nil(t, p.NetTxBytesPerSec, i)
				continue
			}
			require.Equal(t, new(25.0), p.CPUPct)
			require.InDelta(t, 1024, *p.DiskReadBytesPerSec, 1)
			require.InDelta(t, 100, *p.DiskWrittenBytesPerSec, 1)
			require.InDelta(t, 1024, *p.NetRxBytesPerSec, 1)
			require.InDelta(t, 101, *p.NetTxBytesPerSec, 1)
		}
		require.Greater(t, len(b.loads), changed+2)
	})
}

// Everything but what hangs, fails or panics is in each message, on time; what hung
// comes back.
func TestAMeasurementThatDoesNotWorkCostsItsOwnFields(t *testing.T) {
	for name, hang := range map[string]bool{"hangs": true, "fails": false, "panics": false} {
		t.Run(name, func(t *testing.T) {
			within(t, func(t *testing.T) {
				release, err := make(chan struct{}), errors.New("broken")
				switch {
				case hang:
					err = nil
				case name == "panics":
					err, release = errors.New("panic"), nil
				default:
					release = nil
				}
				b := newBench(t, func(b *bench) {
					for _, what := range []string{"disks", "cpu", "look", "swap"} {
						b.host.set(what, release, err)
					}
				})
				b.sleep(10 * time.Minute)
				n := len(b.loads)
				require.GreaterOrEqual(t, n, 10)
				require.GreaterOrEqual(t, len(b.heartbeats), 20)
				for i, p := range b.loads {
					require.Nil(t, p.CPUCount)
					require.Nil(t, p.DiskReadBytesPerSec)
					require.Nil(t, p.SwapTotalBytes)
					require.NotNil(t, p.MemUsedBytes)
					require.True(t, i == 0 || p.NetRxBytesPerSec != nil)
				}
				h := b.heartbeats[len(b.heartbeats)-1]
				require.Nil(t, h.AgentRSSBytes)
				require.NotNil(t, h.AgentDiskReadBytes)
				if hang {
					require.Equal(t, 1, b.host.count("disks"), "not asked again before it has returned")
					close(release)
				}
				for _, what := range []string{"disks", "cpu", "look", "swap"} {
					b.host.set(what, nil, nil)
				}
				b.sleep(3 * time.Minute)
				b.stop()
				last := b.loads[len(b.loads)-1]
				require.Equal(t, new(25.0), last.CPUPct)
				require.InDelta(t, 1024, *last.DiskReadBytesPerSec, 1)
			})
		})
	}
}

// A stop does not wait for ever for a system call that hangs.
func TestAStopLeavesWhatHangsBehind(t *testing.T) {
	within(t, func(t *testing.T) {
		release := make(chan struct{})
		b := newBench(t, func(b *bench) { b.host.set("disks", release, nil) })
		b.sleep(time.Second)
		began := time.Now()
		b.stop()
		require.LessOrEqual(t, time.Since(began), settleTimeout)
		close(release)
	})
}

func TestNothingIsQueuedWhileOffline(t *testing.T) {
	within(t, func(t *testing.T) {
		b := newBench(t, func(b *bench) {
			b.cfg.ProcessPerfEnabled = true
			b.processes.put(7, fakeProcess{name: "x"})
			b.fake.Disconnect() // it starts without a broker
		})
		b.sleep(time.Hour)
		require.Empty(t, b.raw)
		b.fake.Reconnect()
		synctest.Wait()
		require.Len(t, b.heartbeats, 1, "the first one at once, and none of the hour")
		require.Len(t, b.loads, 1)
		b.sleep(10 * time.Minute)
		b.fake.Disconnect()
		synctest.Wait()
		was, scans := len(b.raw), b.host.count("list")
		b.sleep(time.Hour)
		b.fake.Reconnect()
		synctest.Wait()
		require.Len(t, b.raw, was, "and none of the hour that came later")
		require.Equal(t, scans, b.host.count("list"), "nor were processes listed for nobody")
		b.sleep(10 * time.Minute)
		b.stop()
		require.Greater(t, len(b.raw), was+20)
	})
}

func TestWhatComesAndGoesAddsNothing(t *testing.T) {
	within(t, func(t *testing.T) {
		var phase atomic.Int32
		b := newBench(t, func(b *bench) {
			b.host.traffic = func(_ Medium, s float64) map[string]Bytes {
				steady := Bytes{In: uint64(100 * s), Out: uint64(100 * s)}
				switch phase.Load() {
				case 0:
					return map[string]Bytes{"steady": steady, "leaves": {In: 1 << 40}, "resets": {In: 1 << 50}}
				default:
					return map[string]Bytes{"steady": steady, "new": {In: 1 << 60}, "resets": {In: 5}}
				}
			}
		})
		b.sleep(90 * time.Second)
		phase.Store(1)
		synctest.Wait()
		b.sleep(10 * time.Minute)
		b.stop()
		for _, p := range b.loads[1:] {
			require.InDelta(t, 100, *p.DiskReadBytesPerSec, 1)
		}
	})
}

func TestRatesOfNearlyNoTime(t *testing.T) {
	t.Parallel()
	now := time.Now()
	was := reading[map[string]Bytes]{value: map[string]Bytes{"a": {}}, at: now}
	in, _ := rates(was, reading[map[string]Bytes]{value: map[string]Bytes{"a": {In: 9}}, at: now.Add(999 * time.Microsecond)})
	require.Nil(t, in)
	in, out := rates(was, reading[map[string]Bytes]{value: map[string]Bytes{"a": {In: 9}}, at: now.Add(time.Millisecond)})
	require.Equal(t, new(9000.0), in)
	require.Equal(t, new(0.0), out)
	require.Nil(t, hostPercent(CPUTime{Busy: 1, Total: 2}, CPUTime{Busy: 1, Total: 2}))
	require.Nil(t, hostPercent(CPUTime{}, CPUTime{Busy: 1, Total: math.NaN()}))
	require.Equal(t, new(0.0), hostPercent(CPUTime{Busy: 5, Total: 2}, CPUTime{Busy: 1, Total: 4}))
	require.Equal(t, new(100.0), hostPercent(CPUTime{}, CPUTime{Busy: 9, Total: 4}))
	require.InDelta(t, float64(float32(100.0/3)), *hostPercent(CPUTime{}, CPUTime{Busy: 1, Total: 3}), 0, "single precision, widened")
	require.Zero(t, corePercent(-time.Second, time.Second))
	require.Zero(t, corePercent(time.Second, 0))
}
