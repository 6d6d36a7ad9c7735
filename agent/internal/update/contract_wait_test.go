package update

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/wire"
)

// wanted are settings that a test changes.
type wanted struct {
	mu      sync.Mutex
	target  string
	jitter  time.Duration
	changed chan struct{}
}

func (w *wanted) settings() (wire.EffectiveConfig, <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return wire.EffectiveConfig{TargetVersion: w.target, TargetVersionJitter: w.jitter}, w.changed
}

func (w *wanted) want(target string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.target = target
	close(w.changed)
	w.changed = make(chan struct{})
}

// waits runs an attempt for a target that the store does not have, and returns after
// which time it was looked for; negative: never.
func waits(t *testing.T, w *wanted, first bool, change func(*Config)) (after time.Duration, err error) {
	t.Helper()
	began := time.Now()
	after = -1
	s, fake := serviceOn(t, func(c *Config) {
		c.Settings = w.settings
		c.Step = func(name string) {
			if name == "look" {
				after = time.Since(began)
			}
		}
		change(c)
	})
	upload(t, fake, "another", "x")
	err = s.attempt(t.Context(), w.target, first)
	return after, err
}

func unchanged(*Config) {}

// A fleet that is told of a release does not come for it in one moment: each host waits
// for a whole number of seconds up to the jitter, its end included.
func TestATargetIsFetchedWithinItsJitter(t *testing.T) {
	t.Parallel()
	seen := map[time.Duration]bool{}
	for range 200 {
		synctest.Test(t, func(t *testing.T) {
			after, err := waits(t, &wanted{target: "2.0.0", jitter: 3 * time.Second, changed: make(chan struct{})}, true, unchanged)
			require.ErrorIs(t, err, ErrMissing)
			seen[after] = true
		})
	}
	require.Equal(t, map[time.Duration]bool{0: true, time.Second: true, 2 * time.Second: true, 3 * time.Second: true}, seen)
	synctest.Test(t, func(t *testing.T) {
		after, err := waits(t, &wanted{target: "2.0.0", jitter: time.Hour, changed: make(chan struct{})}, false, unchanged)
		require.ErrorIs(t, err, ErrMissing)
		require.Zero(t, after, "the pause between attempts is wait enough")
	})
}

// A target that is withdrawn or replaced while its jitter lasts is not taken.
func TestATargetThatIsWithdrawnDuringItsJitter(t *testing.T) {
	t.Parallel()
	for _, instead := range []string{"", "1.0.0", "3.0.0"} {
		synctest.Test(t, func(t *testing.T) {
			w := &wanted{target: "2.0.0", jitter: 7 * 24 * time.Hour, changed: make(chan struct{})}
			began := time.Now()
			time.AfterFunc(time.Millisecond, func() { w.want("2.0.0") }) // put again
			time.AfterFunc(500*time.Millisecond, func() { w.want(instead) })
			after, err := waits(t, w, true, unchanged)
			if after == 0 {
				return // one host of 604,801 has no wait
			}
			require.ErrorIs(t, err, errWithdrawn)
			require.Negative(t, after)
			require.Equal(t, 500*time.Millisecond, time.Since(began), "at once, not at the end of the jitter")
		})
	}
}

// An older version has to be wanted for a minute, and nothing is taken by settings that
// may be out of date.
func TestWhatATargetWaitsForBesideItsJitter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		after, err := waits(t, &wanted{target: "0.9.9", changed: make(chan struct{})}, true, unchanged)
		require.ErrorIs(t, err, ErrMissing)
		require.Equal(t, time.Minute, after)
	})
	synctest.Test(t, func(t *testing.T) {
		fresh := time.Now().Add(time.Hour)
		after, err := waits(t, &wanted{target: "2.0.0", changed: make(chan struct{})}, true, func(c *Config) {
			c.Fresh = func() bool { return !time.Now().Before(fresh) }
		})
		require.ErrorIs(t, err, ErrMissing)
		require.GreaterOrEqual(t, after, time.Hour)
	})
}
