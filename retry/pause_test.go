package retry

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// minute pauses 60 s after every failure.
var minute = WithBackoff(Backoff{Min: time.Minute, Max: time.Minute})

func TestPauseAndTheConnection(t *testing.T) {
	t.Parallel()
	after := func(d time.Duration, do func()) { time.AfterFunc(d, do) }
	tests := map[string]struct {
		connected bool
		script    func(w *wire)
		want      time.Duration // from the start to the second attempt
	}{
		"nothing happens":              {true, func(*wire) {}, 60 * time.Second},
		"a disconnect does not end it": {true, func(w *wire) { after(10*time.Second, func() { w.set(false) }) }, 65 * time.Second},
		"a reconnect ends it at once": {true, func(w *wire) {
			after(10*time.Second, func() { w.set(false) })
			after(20*time.Second, func() { w.set(true) })
		}, 20 * time.Second},
		"a flap ends it at once": {true, func(w *wire) {
			after(10*time.Second, func() { w.set(false); w.set(true) })
		}, 10 * time.Second},
		"a connect that is lost again does not": {true, func(w *wire) {
			after(10*time.Second, func() { w.set(false); w.set(true); w.set(false) })
		}, 65 * time.Second},
		// The first attempt waits 5 s for the connection, fails, and pauses from then.
		"the first connect ends it": {false, func(w *wire) { after(30*time.Second, func() { w.set(true) }) }, 30 * time.Second},
		"down all the time":         {false, func(*wire) {}, 70 * time.Second},
		"back in time for the gate": {true, func(w *wire) {
			after(59*time.Second, func() { w.set(false) })
			after(62*time.Second, func() { w.set(true) })
		}, 62 * time.Second},
		"gone again during the gate": {false, func(w *wire) { after(63*time.Second, func() { w.set(true); w.set(false) }) }, 70 * time.Second},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWire(tt.connected)
				start := time.Now()
				tt.script(w)
				_, err := Forever(t.Context(), "thing", failing(1, nil), minute, WithTransport(w))
				require.NoError(t, err)
				require.Equal(t, tt.want, time.Since(start))
			})
		})
	}
}

func TestAttemptWaitsAtMostFiveSecondsForTheConnection(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ back, want time.Duration }{
		"stays away":     {0, 5 * time.Second},
		"comes back":     {3 * time.Second, 3 * time.Second},
		"comes too late": {6 * time.Second, 5 * time.Second},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWire(false)
				start := time.Now()
				if tt.back > 0 {
					time.AfterFunc(tt.back, func() { w.set(true) })
				}
				_, err := Forever(t.Context(), "thing", failing(0, nil), WithTransport(w))
				require.NoError(t, err)
				require.Equal(t, tt.want, time.Since(start))
			})
		})
	}
}

func TestReconnectDuringAnAttemptIsNotMissed(t *testing.T) {
	t.Parallel()
	scripts := map[string]func(w *wire){
		"lost and back":        func(w *wire) { w.set(false); w.set(true) },
		"came after the gate":  func(w *wire) { w.set(true) },
		"back, lost, and back": func(w *wire) { w.set(true); w.set(false); w.set(true) },
	}
	for name, script := range scripts {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWire(name == "lost and back")
				var at []time.Time
				_, err := Forever(t.Context(), "thing", failing(1, func(n int) {
					at = append(at, time.Now())
					if n == 1 {
						script(w)
					}
				}), minute, WithTransport(w))
				require.NoError(t, err)
				require.Equal(t, at[0], at[1], "no pause")
			})
		})
	}
}

func TestReconnectDoesNotStartTheBackoffOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWire(true)
		var waits []time.Duration
		_, err := Forever(t.Context(), "thing", failing(4, nil), exact(), WithTransport(w), WithOnAttempt(func(a Attempt) {
			if a.Err != nil {
				waits = append(waits, a.Wait)
			}
			w.set(false)
			w.set(true)
		}))
		require.NoError(t, err)
		s := time.Second
		require.Equal(t, []time.Duration{s, 2 * s, 4 * s, 8 * s}, waits)
	})
}

func TestNewsStartsTheBackoffOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := newOptions([]Option{exact()})
		news := make(chan struct{}, 1)
		o.news = news
		start := time.Now()
		time.AfterFunc(100*time.Second, func() { news <- struct{}{} }) // within the pause of 64 s that began at 63 s
		var at []time.Duration
		_, err := forever(t.Context(), "thing", failing(9, func(int) { at = append(at, time.Since(start)/time.Second) }), o)
		require.NoError(t, err)
		require.Equal(t, []time.Duration{0, 1, 3, 7, 15, 31, 63, 101, 102, 104}, at)
	})
}

func TestNewsDoesNotProlongAPause(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := newOptions([]Option{minute})
		news := make(chan struct{}, 1)
		o.news = news
		start := time.Now()
		time.AfterFunc(59*time.Second, func() { news <- struct{}{} })
		_, err := forever(t.Context(), "thing", failing(1, nil), o)
		require.NoError(t, err)
		require.Equal(t, time.Minute, time.Since(start))
	})
}

func TestFurtherNewsDoesNotPutOffTheAttempt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := newOptions([]Option{WithBackoff(Backoff{Min: time.Second, Max: time.Hour, Factor: 1e6})})
		news := make(chan struct{})
		o.news = news
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		start := time.Now()
		go func() {
			time.Sleep(10 * time.Second) // in the second pause, of an hour
			for {
				select {
				case news <- struct{}{}:
					time.Sleep(500 * time.Millisecond)
				case <-ctx.Done():
					return
				}
			}
		}()
		_, err := forever(ctx, "thing", failing(2, nil), o)
		require.NoError(t, err)
		require.Equal(t, 11*time.Second, time.Since(start))
	})
}

func TestManyWaitersWakeAndEndTogether(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWire(true)
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		const waiters = 100
		done := make(chan time.Duration, waiters)
		start := time.Now()
		for range waiters {
			go func() {
				_, err := Forever(ctx, "thing", failing(1, nil), minute, WithTransport(w))
				if err != nil {
					t.Error(err)
				}
				done <- time.Since(start)
			}()
		}
		time.AfterFunc(10*time.Second, func() { w.set(false) })
		time.AfterFunc(20*time.Second, func() { w.set(true) })
		for range waiters {
			require.Equal(t, 20*time.Second, <-done)
		}
	})
}
