package command

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/exec"
)

// While the disk takes nothing, large results keep their slots: memory holds no
// more of them than commands run at once. Small ones do not.
func TestLargeResultsThatWaitForTheDiskKeepTheirSlots(t *testing.T) {
	for name, test := range map[string]struct {
		bytes, starts int
	}{
		"small": {largeResult, 8},
		"large": {largeResult + 1, 2}, // as many as there are slots
	} {
		t.Run(name, func(t *testing.T) {
			run(t, func(b *bench) {
				b.sink.err = errors.New("disk full")
				b.sh.run = func(_ context.Context, c wire.Command, _ int) (exec.Outcome, error) {
					return exited(0, strings.Repeat("x", test.bytes)), nil
				}
			}, func(t *testing.T, b *bench) {
				var all []string
				for id := range strings.FieldsSeq("a b c d e f g h") {
					all = append(all, id)
					b.send(request(id))
				}
				time.Sleep(time.Hour)
				synctest.Wait()
				require.Len(t, b.starts(), test.starts)
				b.sink.fail(nil)
				time.Sleep(time.Hour)
				require.ElementsMatch(t, all, b.starts())
				for _, id := range all {
					require.Len(t, b.result(id).Stdout, test.bytes)
				}
			})
		})
	}
}

// A large result that waits does not hold up a stop; the next start reports it.
func TestAStopDoesNotWaitForRoomForLargeResults(t *testing.T) {
	run(t, func(b *bench) {
		b.sink.err = errors.New("disk full")
		b.sh.run = func(context.Context, wire.Command, int) (exec.Outcome, error) {
			return exited(0, strings.Repeat("x", largeResult+1)), nil
		}
	}, func(t *testing.T, b *bench) {
		for id := range strings.FieldsSeq("a b c d") {
			b.send(request(id))
		}
		began := time.Now()
		b.stop()
		require.LessOrEqual(t, time.Since(began), b.grace+endGrace)
		require.Len(t, b.starts(), 2)
		b.sink.fail(nil)
		b.start()
		time.Sleep(time.Minute)
		interrupted := 0
		for id := range strings.FieldsSeq("a b c d") {
			if b.result(id).ExitCode == wire.ExitInterrupted {
				interrupted++
			}
		}
		require.Equal(t, 2, interrupted)
	})
}

// What the ledger keeps of a command that did not run is bounded, whatever the
// reason says.
func TestTheReasonOfAVerdictIsBounded(t *testing.T) {
	t.Parallel()
	v := Verdict{ExitCode: wire.ExitFailed, Reason: strings.Repeat("é", maxReason)}
	r := VerdictResult(request("r"), "PC-1", v, time.Unix(1, 0))
	require.Less(t, len(r.Encode()), 2*maxReason)
	require.Contains(t, r.Stderr, "16384 of 32768 bytes left out")
	v.Reason = "short"
	require.Equal(t, "short", VerdictResult(request("r"), "PC-1", v, time.Unix(1, 0)).Stderr)
}
