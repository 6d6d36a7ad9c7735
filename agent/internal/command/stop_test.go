package command

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/exec"
	"github.com/kanade-go/kanade/outbox/atomicfile"
)

func TestAStopGivesGraceThenEndsWhatRuns(t *testing.T) {
	ended := make(chan time.Duration, 2)
	run(t, func(b *bench) {
		b.sh.run = func(ctx context.Context, c wire.Command, _ int) (exec.Outcome, error) {
			began := time.Now()
			defer func() { ended <- time.Since(began) }()
			if c.RequestID == "quick" {
				time.Sleep(5 * time.Second)
				return exited(0, "done"), nil
			}
			<-ctx.Done()
			return exec.Outcome{End: exec.EndCanceled, Code: -1}, nil
		}
	}, func(t *testing.T, b *bench) {
		b.send(request("quick"))
		b.send(request("slow"))
		b.send(request("waits"))
		b.stop()
		require.Equal(t, 5*time.Second, <-ended)
		require.Equal(t, 10*time.Second, <-ended)
		require.Equal(t, "done", b.result("quick").Stdout)
		require.Equal(t, "ended because the agent stopped", b.result("slow").Stderr)
		b.sh.run = func(context.Context, wire.Command, int) (exec.Outcome, error) { return exited(0, "later"), nil }
		b.start()
		require.Equal(t, "later", b.result("waits").Stdout, "what had not started runs at the next start")
	})
}

// A handler that does not heed its context holds up the stop for ever.
func TestAStopEndsThoughAHandlerDoesNot(t *testing.T) {
	b := newBench(t)
	b.sh.run = func(context.Context, wire.Command, int) (exec.Outcome, error) {
		time.Sleep(24 * time.Hour)
		return exited(0, ""), nil
	}
	synctest.Test(t, func(t *testing.T) {
		b.t = t
		b.start()
		b.send(request("r"))
		synctest.Wait()
		began := time.Now()
		b.stop()
		require.Less(t, time.Since(began), 20*time.Second)
		time.Sleep(25 * time.Hour) // the handler ends at last, and finds everything closed
	})
}

// A stop starts nothing new: what waits is for the next start, which can let it
// come to its end.
func TestAStopStartsNothing(t *testing.T) {
	for range 50 {
		b := newBench(t)
		synctest.Test(t, func(t *testing.T) {
			b.t = t
			ledger, _, err := OpenLedger(atomicfile.OS, b.dir, "PC-1", time.Now)
			require.NoError(t, err)
			data, err := request("r").Encode()
			require.NoError(t, err)
			require.NoError(t, ledger.Record([]Admission{admission(ledger, "r", string(data))}))
			require.NoError(t, ledger.Close())
			b.ledger, _, err = OpenLedger(atomicfile.OS, b.dir, "PC-1", time.Now)
			require.NoError(t, err)
			s := New(Config{
				PCID: "PC-1", Ledger: b.ledger, Sink: b.sink, Shells: map[string]Shell{"sh": b.sh},
				Events: &fakeEvents{}, Offline: func() time.Duration { return 0 }, Slots: 2, Now: time.Now, Logger: slog.New(slog.DiscardHandler),
			})
			s.Recover()
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			_ = s.Perform(ctx, time.Second)
			require.NoError(t, b.ledger.Close())
			require.Zero(t, b.sink.puts, "a command was started after the stop")
		})
	}
}
