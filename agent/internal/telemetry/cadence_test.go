package telemetry

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/internal/supervise"
	"github.com/kanade-go/kanade/agent/wire"
)

// dial is settings that a test turns.
type dial struct {
	mu      sync.Mutex
	cfg     wire.EffectiveConfig
	changed chan struct{}
}

func newDial() *dial { return &dial{cfg: wire.DefaultConfig(), changed: make(chan struct{})} }

func (d *dial) get() (wire.EffectiveConfig, <-chan struct{}) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.cfg, d.changed
}

func (d *dial) turn(change func(*wire.EffectiveConfig)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change(&d.cfg)
	close(d.changed)
	d.changed = make(chan struct{})
}

// ticks runs a cadence in a bubble and notes when it ticks, counted from its
// start.
type ticks struct {
	began time.Time
	at    []time.Duration
	fresh []bool
	work  func(n int)
	stop  func()

	mu     sync.Mutex // see sleep
	sleeps int
}

// sleep lets d pass. The ticks may be read before and after it.
func (k *ticks) sleep(d time.Duration) {
	k.mu.Lock() // what was read before happened before the ticks that come now
	k.sleeps++
	k.mu.Unlock()
	time.Sleep(d)
	synctest.Wait()
}

func startTicks(d *dial, work func(n int)) *ticks {
	k := &ticks{began: time.Now(), work: work}
	ctx, cancel := context.WithCancel(context.Background())
	s := &Service{cfg: Config{Settings: d.get}}
	c := cadence{beat: supervise.NewBeat(), interval: s.interval(heartbeatInterval), tick: func(_ context.Context, fresh bool) {
		k.mu.Lock()
		k.at, k.fresh = append(k.at, time.Since(k.began)), append(k.fresh, fresh)
		n := len(k.at)
		k.mu.Unlock()
		if k.work != nil {
			k.work(n)
		}
	}}
	var running sync.WaitGroup
	running.Go(func() { _ = c.run(ctx) })
	k.stop = func() { cancel(); running.Wait() }
	return k
}

func every(d time.Duration) func(*wire.EffectiveConfig) {
	return func(c *wire.EffectiveConfig) { c.HeartbeatInterval = d }
}

func TestACadence(t *testing.T) {
	t.Parallel()
	phases := map[time.Duration]bool{}
	for range 20 {
		synctest.Test(t, func(t *testing.T) {
			k := startTicks(newDial(), nil)
			time.Sleep(5 * time.Minute)
			k.stop()
			require.Zero(t, k.at[0], "at once")
			phase := k.at[1]
			phases[phase] = true
			require.GreaterOrEqual(t, phase, 30*time.Second/4)
			require.LessOrEqual(t, phase, 30*time.Second)
			for i := 2; i < len(k.at); i++ {
				require.Equal(t, phase+time.Duration(i-1)*30*time.Second, k.at[i])
				require.False(t, k.fresh[i])
			}
			require.Equal(t, []bool{true, false}, k.fresh[:2])
			require.GreaterOrEqual(t, len(k.at), 10)
		})
	}
	require.Greater(t, len(phases), 10, "hosts that start together do not stay in step")
}

func TestAChangedIntervalCountsAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDial()
		d.cfg.HeartbeatInterval = 24 * time.Hour
		k := startTicks(d, nil)
		time.Sleep(time.Minute)
		d.turn(every(10 * time.Second))
		synctest.Wait()
		require.Equal(t, []time.Duration{0, time.Minute}, k.at)
		require.Equal(t, []bool{true, true}, k.fresh)
		k.sleep(10 * time.Second)
		require.Len(t, k.at, 3)

		d.turn(func(c *wire.EffectiveConfig) { c.ProcessPerfTopN = 3 })
		synctest.Wait()
		require.Len(t, k.at, 3, "another setting changes nothing")
		k.stop()
	})
}

// 10,000 changes in ten seconds are no more than a tick a second.
func TestAFlappingIntervalIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDial()
		k := startTicks(d, nil)
		for i := range 10_000 {
			time.Sleep(time.Millisecond)
			d.turn(every(time.Duration(20+i%2) * time.Second))
		}
		synctest.Wait()
		k.stop()
		require.LessOrEqual(t, len(k.at), 11)
		require.GreaterOrEqual(t, len(k.at), 10)
	})
}

func TestBoundsOfAnInterval(t *testing.T) {
	t.Parallel()
	for set, want := range map[time.Duration]time.Duration{
		0: time.Second, -time.Hour: time.Second, 1: time.Second, time.Second: time.Second, 24 * time.Hour: 24 * time.Hour, 1<<63 - 1: 24 * time.Hour,
	} {
		synctest.Test(t, func(t *testing.T) {
			d := newDial()
			d.cfg.HeartbeatInterval = set
			k := startTicks(d, nil)
			k.sleep(3 * want)
			k.stop()
			require.GreaterOrEqual(t, len(k.at), 3, set)
			require.LessOrEqual(t, len(k.at), 4, set)
			require.Equal(t, want, k.at[2]-k.at[1])
		})
	}
}

// The fourth tick sleeps through ten others, as the host may: one follows, not ten.
func TestMissedTicksAreSkipped(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := startTicks(newDial(), func(n int) {
			if n == 4 {
				time.Sleep(10*30*time.Second + time.Second)
			}
		})
		time.Sleep(20 * time.Minute)
		k.stop()
		require.Equal(t, 11*30*time.Second, k.at[4]-k.at[3])
		require.Equal(t, 30*time.Second, k.at[5]-k.at[4], "in step with those before")
	})
}
