package command

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/outbox/atomicfile"
	"github.com/kanade-go/kanade/outbox/atomicfile/faultfs"
)

// The finish of a command is written with the next sync, and a host that is cut
// off has none for as long as it has no commands. If the command is old when the
// next one comes, and that one is turned away, the ledger must not forget a
// finish that only memory knows: its result would be removed once it is delivered,
// and after a power cut the command would be reported as interrupted.
func TestAFinishThatIsNotOnDiskYetIsNotForgotten(t *testing.T) {
	for name, turnedAway := range map[string]func(l *Ledger) error{
		"too many bytes": func(l *Ledger) error { l.maxBacklog = 0; return errBacklogFull },
		"too many":       func(l *Ledger) error { l.maxEntries = 0; return errLedgerFull },
	} {
		t.Run(name, func(t *testing.T) {
			disk := faultfs.New(0)
			require.NoError(t, atomicfile.MkdirAll(disk, crashLedger, 0o700))
			l, _, err := OpenLedger(disk, crashLedger, "PC-1", newClock().now)
			require.NoError(t, err)
			local := admission(l, "a", "body of a")
			local.Local = true
			require.NoError(t, l.Record([]Admission{local}))
			admitOne(t, l, "waits")
			require.NoError(t, l.Start(local.Key, 1))
			require.NoError(t, l.Finish(local.Key))

			up := l.uptime
			l.uptime = func() time.Duration { return up() + LocalRetention + time.Hour }
			want := turnedAway(l)
			require.ErrorIs(t, l.Record([]Admission{admission(l, "b", "body of b")}), want)
			require.NoError(t, l.WaitFinished(t.Context(), local.Key)) // its result is removed now
			require.NoError(t, disk.EachSurvivor(func(found *faultfs.FS) error {
				after, _, err := OpenLedger(found, crashLedger, "PC-1", newClock().now)
				if err != nil {
					return err
				}
				defer after.Close()
				for _, owed := range after.Unfinished() {
					if owed.Key == local.Key {
						return errors.New("its result was delivered, and the next start owes another one")
					}
				}
				return nil
			}))
			require.NoError(t, l.Close())
		})
	}
}
