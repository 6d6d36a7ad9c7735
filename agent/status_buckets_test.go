package agent

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/internal/settings"
	"github.com/kanade-go/kanade/agent/wire"
)

// statusOf is that of a healthy agent, but for a bucket that looks like one that is
// not there.
func statusOf(t *testing.T, b settings.BucketStatus) Status {
	t.Helper()
	b.Bucket = wire.BucketScriptStatus
	all := scopes(settings.Status{Buckets: []settings.BucketStatus{b}}, statusTime)
	s := Status{Running: true, Connected: true, Ready: true, At: statusTime, Since: statusTime, Ledger: LedgerStatus{Writable: true}, Settings: all}
	s.Resources = []Resource{{Name: "kv " + b.Bucket, WaitingSince: statusTime.Add(time.Minute), Reason: "missing", Error: "no responders"}}
	raw, err := json.Marshal(s)
	require.NoError(t, err)
	var read Status
	require.NoError(t, json.Unmarshal(raw, &read))
	return read
}

// A bucket that does not count is no healthy one, though it looks like one that
// nobody needs.
func TestStatusTellsABucketThatDoesNotCount(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		bucket settings.BucketStatus
		want   string // the error of the problem; empty: healthy
		listed int    // problems of the bucket
	}{
		"missing":            {settings.BucketStatus{Missing: statusTime}, "", 0},
		"missing, was known": {settings.BucketStatus{Known: true, Missing: statusTime}, "", 0},
		"unreadable":         {settings.BucketStatus{Unreadable: "no server answers direct gets"}, "no server answers direct gets", 0},
		"unreadable, known":  {settings.BucketStatus{Known: true, Unreadable: "timeout"}, "timeout", 0},
		"too large":          {settings.BucketStatus{Problems: []string{"holds too much"}, Severe: []string{"holds too much"}}, "holds too much", 1},
		"a refused leader":   {settings.BucketStatus{Known: true, Problems: []string{"may not ask"}}, "", 1},
		"malformed rows":     {settings.BucketStatus{Known: true, Bad: []string{"a", "b"}}, "", 1},
		"kept":               {settings.BucketStatus{Known: true, Kept: 3}, "", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := statusOf(t, tc.bucket)
			problems := s.Problems()
			if len(s.Settings) > 0 {
				require.Len(t, s.Settings[0].Problems, tc.listed)
			}
			if tc.want == "" {
				require.Empty(t, problems)
				return
			}
			require.Len(t, problems, 1)
			require.Equal(t, "kv script_status", problems[0].What)
			require.Equal(t, tc.want, problems[0].Error)
			require.NotZero(t, problems[0].Since)
			require.NotEmpty(t, problems[0].Advice)
		})
	}
}

func TestABucketThatIsWaitedForIsToldOnce(t *testing.T) {
	t.Parallel()
	s := statusOf(t, settings.BucketStatus{Unreadable: "permissions violation"})
	require.Equal(t, s.Resources[0].WaitingSince, s.Problems()[0].Since)
	s.Resources[0].Reason = "denied"
	require.Len(t, s.Problems(), 1)
	require.Contains(t, s.Problems()[0].Advice, "permission")
	s.Connected = false
	require.Len(t, s.Problems(), 1, "the connection")
}

// What a broker says has a bound, and is one line.
func TestProblemsOfABucketAreBounded(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x\n", 1000)
	s := statusOf(t, settings.BucketStatus{
		Unreadable: long, Severe: []string{long, long}, Problems: []string{long, long, long, long}, Bad: []string{long}, Kept: math.MaxInt,
	})
	view := s.Settings[0]
	require.Len(t, view.Problems, 6)
	for _, text := range append(view.Problems, view.Unreadable, view.Failure) {
		require.LessOrEqual(t, len(text), 300)
		require.NotContains(t, text, "\n")
	}
	require.Equal(t, statusTime, view.StaleSince, "it was never read")
}
