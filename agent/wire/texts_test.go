package wire

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTexts(t *testing.T) {
	t.Parallel()
	deadline := at(2026, 5, 18, 9, 30, 0, 0)
	for want, got := range map[string]string{
		"skipped: version-pin mismatch — script_current[disk-report] = 1.5.0, command brought 1.4.0": SkippedVersionPin("disk-report", "1.5.0", "1.4.0"),
		"skipped: starting deadline expired 1s ago (deadline 2026-05-18 09:30:00 UTC, received 2026-05-18 09:30:01 UTC)": SkippedDeadline(
			deadline, deadline.Add(time.Second)),
		"skipped: starting deadline expired 23h 58m 20s 1ms 500us ago (deadline 2026-05-18 09:30:00 UTC, received 2026-05-19 09:28:20.001500 UTC)": SkippedDeadline(
			deadline.In(time.FixedZone("", 3600)), deadline.Add(86_300*time.Second+1500*time.Microsecond)),
		"skipped: command was revoked (script_status[disk-report] = revoked)":                                        SkippedRevoked("disk-report"),
		"skipped: staleness policy (mode=strict) exceeded — agent has been disconnected for 5m 1s, max allowed 5m":   SkippedStale(301*time.Second, 300*time.Second),
		"skipped: staleness policy (mode=strict) exceeded — agent has been disconnected for forever, max allowed 0s": SkippedStale(NeverConnected, 0),
		"run_as User is Windows-only; the script is skipped\n":                                                       SkippedRunAs(RunAsUser),
		"run_as SystemGui is Windows-only; the script is skipped\n":                                                  SkippedRunAs(RunAsSystemGUI),
		"killed by remote signal (kill.e-1)":                                                                         KilledNote("e-1"),
		"timeout after 0s":                                                                                           TimeoutNote(0),
		"timeout after 18446744073709551615s":                                                                        TimeoutNote(math.MaxUint64),
		"note":                                                                                                       AppendNote("", "note"),
		"text\nnote":                                                                                                 AppendNote("text", "note"),
		"text\n\nnote":                                                                                               AppendNote("text\n", "note"),
	} {
		require.Equal(t, want, got)
	}
}

func TestReadableTime(t *testing.T) {
	t.Parallel()
	for want, ns := range map[string]int{
		"2026-05-18 09:30:00 UTC":           0,
		"2026-05-18 09:30:00.500 UTC":       500_000_000,
		"2026-05-18 09:30:00.000500 UTC":    500_000,
		"2026-05-18 09:30:00.000000100 UTC": 100,
	} {
		require.Equal(t, want, readableTime(at(2026, 5, 18, 9, 30, 0, ns)))
	}
}
