package doctor

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTheClock(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		skew, doubt time.Duration
		level, text string
	}{
		"right":            {40 * time.Millisecond, time.Millisecond, OK, "40ms behind"},
		"ahead":            {-10 * time.Second, time.Millisecond, Warn, "10s ahead of"},
		"far":              {2 * time.Hour, time.Millisecond, Fail, "2h0m0s behind"},
		"within the doubt": {6 * time.Second, 2 * time.Second, OK, "6s behind"},
	} {
		var found []Finding
		d := &doctor{report: report{yield: func(f Finding) bool { found = append(found, f); return true }}}
		d.clock(userInfo{known: true, skew: tc.skew, doubt: tc.doubt}, &prober{})
		require.Equal(t, tc.level, found[0].Level, name)
		require.Contains(t, found[0].Text, tc.text)
	}
}
