package command

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/exec"
)

// fakeSettings are settings that a test changes.
type fakeSettings struct {
	mu      sync.Mutex
	now     wire.EffectiveConfig
	changed chan struct{}
}

func (s *fakeSettings) get() (wire.EffectiveConfig, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now, s.changed
}

func (s *fakeSettings) allow(n int) {
	s.mu.Lock()
	s.now.MaxLocalConcurrent = n
	close(s.changed)
	s.changed = make(chan struct{})
	s.mu.Unlock()
	synctest.Wait()
}

// runAtOnce is a test with settings, whose commands run until they are released.
func runAtOnce(t *testing.T, atFirst int, test func(*testing.T, *bench, *fakeSettings, chan<- struct{})) {
	t.Helper()
	s := &fakeSettings{now: wire.EffectiveConfig{MaxLocalConcurrent: atFirst}}
	var release chan struct{}
	run(t, func(b *bench) {
		s.changed, release = make(chan struct{}), make(chan struct{}) // of the bubble
		b.settings = s.get
		b.sh.run = func(ctx context.Context, _ wire.Command, _ int) (exec.Outcome, error) {
			select {
			case <-release:
				return exited(0, "whole"), nil
			case <-ctx.Done():
				return exec.Outcome{End: exec.EndCanceled, Code: -1}, nil
			}
		}
	}, func(t *testing.T, b *bench) { test(t, b, s, release) })
}

func TestTheSettingsSayHowManyRunAtOnce(t *testing.T) {
	runAtOnce(t, 3, func(t *testing.T, b *bench, s *fakeSettings, release chan<- struct{}) {
		running := func() int { synctest.Wait(); return b.service.Status().Running }
		for i := range 12 {
			b.send(request(fmt.Sprint(i)))
		}
		require.Equal(t, 3, running(), "from the start on")
		require.Equal(t, 3, b.service.Status().AtOnce)
		s.allow(5)
		require.Equal(t, 5, running(), "at once")
		s.allow(2)
		require.Equal(t, 5, running(), "nothing is ended")
		for _, want := range []int{4, 3, 2, 2, 2} {
			release <- struct{}{}
			require.Equal(t, want, running())
		}
		s.allow(0)
		require.Equal(t, 2, b.service.Status().AtOnce, "the host's own number where no scope says one")
		require.Equal(t, 2, running())
		for range 7 {
			release <- struct{}{}
			synctest.Wait()
		}
		for i := range 12 {
			require.Equal(t, "whole", b.result(fmt.Sprint(i)).Stdout)
		}
		started := b.starts()
		require.ElementsMatch(t, []string{"0", "1", "2"}, started[:3])
		require.Equal(t, []string{"5", "6", "7", "8", "9", "10", "11"}, started[5:], "in their order")
	})
}

// What is on its way beside the runs is bounded too, and that bound follows.
func TestMoreThanAreStoredAtOnceMayRun(t *testing.T) {
	const many = 3 * (2 + inFlightBeside)
	runAtOnce(t, 0, func(t *testing.T, b *bench, s *fakeSettings, release chan<- struct{}) {
		for i := range many {
			b.send(request(fmt.Sprint(i)))
		}
		require.Equal(t, 2, b.service.Status().Running)
		s.allow(many)
		require.Equal(t, many, b.service.Status().Running)
		s.allow(1)
		b.send(request("last"))
		for range many - 1 {
			release <- struct{}{}
		}
		synctest.Wait()
		require.NotContains(t, b.starts(), "last")
		require.Equal(t, 1, b.service.Status().Running)
		b.service.Kill("exec-last")
		require.Equal(t, wire.KilledNote("exec-last"), b.result("last").Stderr, "a verdict needs no slot")
		release <- struct{}{}
		synctest.Wait()
		require.Zero(t, b.service.Status().Running)
		require.Empty(t, b.ledger.Unfinished())
	})
}

func TestWithoutSettingsTheCPUsCount(t *testing.T) {
	t.Parallel()
	n, changed := (&Config{}).concurrency()
	require.Equal(t, runtime.NumCPU(), n)
	require.Nil(t, changed)
}
