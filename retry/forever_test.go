package retry

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestForeverReturnsTheFirstSuccess(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var at []time.Duration
		value, err := Forever(t.Context(), "thing", failing(11, func(int) { at = append(at, time.Since(start)) }), exact())
		require.NoError(t, err)
		require.Equal(t, "value", value)
		pauses := make([]time.Duration, 0, 11)
		for i := 1; i < len(at); i++ {
			pauses = append(pauses, at[i]-at[i-1])
		}
		s := time.Second
		require.Equal(t, []time.Duration{s, 2 * s, 4 * s, 8 * s, 16 * s, 32 * s, 64 * s, 128 * s, 256 * s, 300 * s, 300 * s}, pauses)
	})
}

func TestForeverPausesAreJittered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for range 100 {
			start := time.Now()
			_, err := Forever(t.Context(), "thing", failing(1, nil))
			require.NoError(t, err)
			require.GreaterOrEqual(t, time.Since(start), 750*time.Millisecond)
			require.LessOrEqual(t, time.Since(start), 1250*time.Millisecond)
		}
	})
}

func TestForeverTriesForWeeks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		_, err := Forever(t.Context(), "thing", failing(5000, nil))
		require.NoError(t, err)
		require.Greater(t, time.Since(start), 14*24*time.Hour)
	})
}

func TestForeverDoesNothingUnderAContextThatIsDone(t *testing.T) {
	t.Parallel()
	for name, transport := range map[string]Transport{"no transport": nil, "connected": newWire(true), "down": newWire(false)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				cancel()
				start := time.Now()
				_, err := Forever(ctx, "thing", failing(0, func(int) { t.Error("op was called") }), WithTransport(transport))
				require.ErrorIs(t, err, context.Canceled)
				require.EqualError(t, err, "retry: wait for thing: context canceled")
				require.Zero(t, time.Since(start))
			})
		})
	}
}

func TestForeverEndsWithItsContext(t *testing.T) {
	t.Parallel()
	hang := func(ctx context.Context) (string, error) { <-ctx.Done(); return "", ctx.Err() }
	tests := map[string]struct {
		op        func(context.Context) (string, error)
		connected bool
		text      string
	}{
		"while it pauses":          {failing(99, nil), true, "retry: wait for thing: context deadline exceeded (last attempt: not there)"},
		"while op runs":            {hang, true, "retry: wait for thing: context deadline exceeded"},
		"while the broker is away": {failing(0, func(int) { t.Error("op was called") }), false, "retry: wait for thing: context deadline exceeded"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
				defer cancel()
				start := time.Now()
				_, err := Forever(ctx, "thing", tt.op, WithTransport(newWire(tt.connected)))
				require.ErrorIs(t, err, context.DeadlineExceeded)
				require.NotErrorIs(t, err, errMissing)
				require.EqualError(t, err, tt.text)
				require.Equal(t, 4*time.Second, time.Since(start))
			})
		})
	}
}

func TestForeverToldToStopIsNotMistakenForAnAttemptThatTimedOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Minute, cancel)
		_, err := Forever(ctx, "thing", func(ctx context.Context) (int, error) { <-ctx.Done(); return 0, ctx.Err() })
		require.ErrorIs(t, err, context.Canceled)
		require.NotErrorIs(t, err, context.DeadlineExceeded)
	})
}

func TestForeverKeepsASuccessThatCameWithTheEndOfTheContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	value, err := Forever(ctx, "thing", func(context.Context) (int, error) { cancel(); return 7, nil })
	require.NoError(t, err)
	require.Equal(t, 7, value)
}

func TestForeverEndsWithAPermanentError(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		refused := errors.New("refused")
		var attempts []Attempt
		n := 0
		op := func(context.Context) (string, error) {
			if n++; n < 3 {
				return "", errMissing
			}
			return "ignored", Permanent(refused)
		}
		value, err := Forever(t.Context(), "thing", op, exact(), WithOnAttempt(func(a Attempt) { attempts = append(attempts, a) }))
		require.Empty(t, value)
		require.ErrorIs(t, err, refused)
		require.True(t, IsPermanent(err))
		require.EqualError(t, err, "retry: wait for thing: refused")
		require.Equal(t, []Attempt{
			{What: "thing", N: 1, Err: errMissing, Wait: time.Second},
			{What: "thing", N: 2, Err: errMissing, Wait: 2 * time.Second},
			{What: "thing", N: 3, Err: Permanent(refused)},
		}, attempts)
	})
}

func TestEveryAttemptHasItsOwnDeadline(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		opts []Option
		want time.Duration // zero: none
	}{
		"default":  {nil, 5 * time.Second},
		"set":      {[]Option{WithAttemptTimeout(time.Minute)}, time.Minute},
		"none":     {[]Option{WithAttemptTimeout(0)}, 0},
		"negative": {[]Option{WithAttemptTimeout(-1)}, 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var contexts []context.Context
				op := func(ctx context.Context) (int, error) {
					contexts = append(contexts, ctx)
					deadline, ok := ctx.Deadline()
					require.Equal(t, tt.want > 0, ok)
					if tt.want == 0 {
						return 0, nil
					}
					require.Equal(t, tt.want, time.Until(deadline))
					if len(contexts) < 4 {
						<-ctx.Done()
						return 0, ctx.Err()
					}
					return 0, nil
				}
				_, err := Forever(t.Context(), "thing", op, tt.opts...)
				require.NoError(t, err)
				if tt.want > 0 {
					require.Len(t, contexts, 4)
					require.ErrorIs(t, contexts[3].Err(), context.Canceled, "released after the success")
				}
			})
		})
	}
}

func TestForeverReleasesTheAttemptWhenOpPanics(t *testing.T) {
	t.Parallel()
	var seen context.Context
	require.PanicsWithValue(t, "boom", func() {
		_, _ = Forever(t.Context(), "thing", func(ctx context.Context) (int, error) { seen = ctx; panic("boom") })
	})
	require.ErrorIs(t, seen.Err(), context.Canceled)
}

func TestEveryoneIsToldOfAnAttempt(t *testing.T) {
	t.Parallel()
	var told []string
	_, err := Forever(t.Context(), "x", func(context.Context) (int, error) { return 1, nil },
		WithOnAttempt(func(Attempt) { told = append(told, "first") }),
		WithOnAttempt(func(Attempt) { told = append(told, "second") }))
	require.NoError(t, err)
	require.Equal(t, []string{"first", "second"}, told)
}
