package supervise_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/internal/supervise"
)

func TestBeatsMeet(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(1234567 * time.Microsecond)
		for _, every := range []time.Duration{10 * time.Second, 30 * time.Second, time.Minute} {
			wait := supervise.UntilBeat(every)
			require.Positive(t, wait)
			require.LessOrEqual(t, wait, every)
			require.Zero(t, time.Now().Add(wait).UnixNano()%int64(every))
		}
	})
}
