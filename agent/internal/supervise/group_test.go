package supervise

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

var discard = slog.New(slog.DiscardHandler)

func TestARestartedTaskComesBackAfterErrorAndPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		runs := 0
		g := NewGroup(t.Context(), discard, Task{Name: "flaky", Run: func(ctx context.Context) error {
			runs++
			switch runs {
			case 1:
				return errors.New("broken")
			case 2:
				panic("worse")
			}
			<-ctx.Done()
			return ctx.Err()
		}})
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Equal(t, 3, runs)
		g.Stop()
	})
}

func TestAFatalTaskReportsItsErrorOnce(t *testing.T) {
	boom := errors.New("boom")
	g := NewGroup(t.Context(), discard, Task{Name: "vital", Policy: Fatal, Run: func(context.Context) error { return boom }})
	require.ErrorIs(t, <-g.Failed(), boom)
	g.Stop()
	require.Empty(t, g.Failed())
}

func TestAFatalPanicIsReportedWithItsStack(t *testing.T) {
	g := NewGroup(t.Context(), discard, Task{Name: "vital", Policy: Fatal, Run: func(context.Context) error { panic("lost it") }})
	var panicked *PanicError
	require.ErrorAs(t, <-g.Failed(), &panicked)
	require.Equal(t, "lost it", panicked.Value)
	require.Contains(t, string(panicked.Stack), "group_test.go")
	g.Stop()
}

func TestAnOrderlyEndIsNotRestarted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		runs := 0
		g := NewGroup(t.Context(), discard, Task{Name: "once", Run: func(context.Context) error { runs++; return nil }})
		time.Sleep(time.Hour)
		g.Stop()
		require.Equal(t, 1, runs)
	})
}

func TestStopWaitsForTheLastTask(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := false
		g := NewGroup(t.Context(), discard, Task{Name: "slow", Run: func(ctx context.Context) error {
			<-ctx.Done()
			time.Sleep(time.Second)
			ended = true
			return nil
		}})
		g.Stop()
		require.True(t, ended)
	})
}
