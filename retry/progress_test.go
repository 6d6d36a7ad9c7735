package retry

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestLoggingIsLoudOncePerStreak(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log := &records{}
		_, err := Forever(t.Context(), "kv settings", failing(4, nil), exact(), WithLogger(slog.New(log)))
		require.NoError(t, err)
		require.Equal(t, []slog.Level{slog.LevelWarn, slog.LevelDebug, slog.LevelDebug, slog.LevelDebug, slog.LevelInfo}, log.levels())
		require.Equal(t, map[string]any{"what": "kv settings", "error": errMissing, "wait": time.Second, "attempt": int64(1)}, log.attrs(0))
		require.Equal(t, map[string]any{"what": "kv settings", "error": errMissing, "wait": 8 * time.Second, "attempt": int64(4)}, log.attrs(3))
		require.Equal(t, map[string]any{"what": "kv settings", "failures": int64(4)}, log.attrs(4))
	})
}

func TestLoggingOfASuccessAtOnceIsDebug(t *testing.T) {
	t.Parallel()
	log := &records{}
	_, err := Forever(t.Context(), "thing", failing(0, nil), WithLogger(slog.New(log)))
	require.NoError(t, err)
	require.Equal(t, []slog.Level{slog.LevelDebug}, log.levels())
	require.Equal(t, map[string]any{"what": "thing"}, log.attrs(0))
}

func TestWhatIsReturnedIsNotLogged(t *testing.T) {
	t.Parallel()
	log := &records{}
	_, err := Forever(t.Context(), "thing", func(context.Context) (int, error) { return 0, Permanent(errMissing) }, WithLogger(slog.New(log)))
	require.ErrorIs(t, err, errMissing)
	require.Empty(t, log.levels())
}

func TestOnAttemptSeesTheSuccessToo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var got []Attempt
		_, err := Forever(t.Context(), "thing", failing(2, nil), exact(), WithOnAttempt(func(a Attempt) { got = append(got, a) }))
		require.NoError(t, err)
		require.Equal(t, []Attempt{
			{What: "thing", N: 1, Err: errMissing, Wait: time.Second},
			{What: "thing", N: 2, Err: errMissing, Wait: 2 * time.Second},
			{What: "thing", N: 3},
		}, got)
	})
}

func TestNilLoggerAndNilCallbackAreSilent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, err := Forever(t.Context(), "thing", failing(2, nil), WithLogger(nil), WithOnAttempt(nil), WithTransport(nil))
		require.NoError(t, err)
	})
}
