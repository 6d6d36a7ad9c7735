package agentcli

import (
	"context"
	"errors"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// runnerFunc is an agent in a test.
type runnerFunc func(context.Context) error

func (f runnerFunc) Run(ctx context.Context) error { return f(ctx) }

func programOf(f runnerFunc) *program {
	return newProgram(func() (runner, error) { return f, nil })
}

func untilCancelled(ctx context.Context) error {
	<-ctx.Done()
	return nil
}

// stubborn takes d to stop.
func stubborn(d time.Duration) runnerFunc {
	return func(ctx context.Context) error {
		<-ctx.Done()
		time.Sleep(d) // virtual
		return nil
	}
}

func TestServiceStartReturnsAndStopWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := programOf(stubborn(5 * time.Second))
		p.ended = func(error) { t.Error("a stop is not an end by itself") }
		begin := time.Now()
		require.NoError(t, p.Start(nil))
		require.Zero(t, time.Since(begin))
		require.NoError(t, p.Stop(nil))
		require.Equal(t, 5*time.Second, time.Since(begin))
	})
}

func TestServiceStopHasABudget(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := programOf(stubborn(time.Hour))
		require.NoError(t, p.Start(nil))
		begin := time.Now()
		require.NoError(t, p.Stop(nil), "an error would make the manager restart it")
		require.Equal(t, 20*time.Second, time.Since(begin))
		<-p.done
	})
}

// The manager waits 30 seconds for an answer to a start, and a folder can be slow.
func TestServiceAnswersBeforeTheAgentIsBuilt(t *testing.T) {
	t.Parallel()
	bad, slow, told := errors.New("bad config"), make(chan struct{}), make(chan error, 1)
	p := newProgram(func() (runner, error) { <-slow; return nil, bad })
	p.ended = func(err error) { told <- err }
	require.NoError(t, p.Start(nil))
	close(slow)
	require.ErrorIs(t, <-told, bad, "the process ends with it, and is started again")
}

func TestServiceIsStoppedWhileTheAgentIsBuilt(t *testing.T) {
	t.Parallel()
	slow := make(chan struct{})
	p := newProgram(func() (runner, error) { <-slow; return runnerFunc(untilCancelled), nil })
	p.ended = func(error) { t.Error("a stop is not an end by itself") }
	require.NoError(t, p.Start(nil))
	time.AfterFunc(10*time.Millisecond, func() { close(slow) })
	require.NoError(t, p.Stop(nil))
	<-p.done
}

func TestServiceThatEndsByItself(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	for returned, want := range map[error]error{broken: broken, nil: errEnded} {
		told := make(chan error, 1)
		p := programOf(func(context.Context) error { return returned })
		p.ended = func(err error) { told <- err }
		require.NoError(t, p.Start(nil))
		err := <-told
		require.ErrorIs(t, err, want)
		require.Equal(t, ExitError, ExitCode(err))
	}
}

func TestAtTerminal(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	for name, tc := range map[string]struct {
		agent   runnerFunc
		signals []time.Duration // when they come
		want    error
		code    int
		takes   time.Duration
	}{
		"one signal":         {agent: stubborn(2 * time.Second), signals: []time.Duration{time.Second}, takes: 3 * time.Second},
		"the same twice":     {agent: stubborn(2 * time.Second), signals: []time.Duration{time.Second, time.Second + echo/2}, takes: 3 * time.Second},
		"second signal":      {agent: stubborn(9 * time.Second), signals: []time.Duration{time.Second, 4 * time.Second}, want: errForced, code: ExitForced, takes: 4 * time.Second},
		"beyond the budget":  {agent: stubborn(time.Minute), signals: []time.Duration{time.Second}, want: errStopBudget, code: ExitError, takes: 21 * time.Second},
		"ends with an error": {agent: func(context.Context) error { return broken }, want: broken, code: ExitError},
		"ends without one":   {agent: func(context.Context) error { return nil }, want: errEnded, code: ExitError},
		"stop fails": {
			agent:   func(ctx context.Context) error { <-ctx.Done(); return broken },
			signals: []time.Duration{time.Second}, want: broken, code: ExitError, takes: time.Second,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p, signals := programOf(tc.agent), make(chan os.Signal, 2)
				begin := time.Now()
				for _, at := range tc.signals {
					time.AfterFunc(at, func() { signals <- os.Interrupt })
				}
				said := 0
				err := p.atTerminal(t.Context(), signals, func(string) { said++ })
				require.ErrorIs(t, err, tc.want)
				require.Equal(t, tc.code, ExitCode(err))
				require.Equal(t, tc.takes, time.Since(begin))
				require.Equal(t, min(len(tc.signals), 1), said)
				<-p.done
			})
		})
	}
}

// The agent must not be cancelled together with ctx but by the stop, whose
// budget then counts.
func TestAtTerminalStopsWithContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	p := programOf(func(inner context.Context) error {
		cancel()
		return untilCancelled(inner)
	})
	var cause string
	require.NoError(t, p.atTerminal(ctx, nil, func(c string) { cause = c }))
	require.Equal(t, "context canceled", cause)
}

func TestAtTerminalWithoutAgent(t *testing.T) {
	t.Parallel()
	bad := errors.New("bad config")
	p := newProgram(func() (runner, error) { return nil, bad })
	require.ErrorIs(t, p.atTerminal(t.Context(), nil, nil), bad)
}
