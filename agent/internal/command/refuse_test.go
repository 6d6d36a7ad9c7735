package command

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/internal/delivery"
	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/exec"
	"github.com/kanade-go/kanade/outbox"
)

func TestARefusedCommandLeavesNoTrace(t *testing.T) {
	trusted := false
	run(t, func(b *bench) {
		b.verify = func(_ context.Context, r Received) error {
			if trusted {
				return nil
			}
			return errors.New("not signed")
		}
	}, func(t *testing.T, b *bench) {
		b.send(request("r"))
		refusal := b.result(wire.RefusalID("r", "PC-1"))
		require.EqualValues(t, 123, refusal.ExitCode)
		require.Equal(t, "refused: not signed", refusal.Stderr)
		trusted = true
		b.send(request("r"))
		require.Equal(t, "ran r", b.result("r").Stdout)
	})
}

// onlyGenuine refuses every command but those with the usual script.
func onlyGenuine(b *bench) {
	b.verify = func(_ context.Context, r Received) error {
		if r.Command.Script != "x" {
			return errors.New("not signed" + strings.Repeat("!", 10<<10))
		}
		return nil
	}
}

func forged(n int) wire.Command {
	c := request(fmt.Sprint("forged-", n))
	c.Script = "rm -rf /"
	return c
}

// Forged commands leave no trace in the ledger, which could bound them, and a
// full box of results stops everything: a flood of them must not fill it.
func TestAFloodOfForgedCommandsLeavesRoomForResults(t *testing.T) {
	dir := t.TempDir()
	run(t, onlyGenuine, func(t *testing.T, b *bench) {
		const burst, flood = 50, 150
		b.service.admit.refusals = newAllowance(burst)
		box, err := outbox.Open(dir, outbox.WithLimit(2*burst, 0), outbox.WithOverflow(outbox.OverflowReject))
		require.NoError(t, err)
		defer func() { require.NoError(t, box.Close()) }()
		b.service.admit.sink, b.service.perform.sink = box, box
		for n := range flood {
			b.send(forged(n))
		}
		require.Equal(t, burst, box.Stats().Pending)
		require.EqualValues(t, flood, b.service.Status().Refused, "all are counted")
		require.Equal(t, []string{"command_refusals_unanswered"}, b.events.observed)
		b.send(request("genuine"))
		synctest.Wait()
		require.Equal(t, []string{"genuine"}, b.starts())
		require.Equal(t, burst+1, box.Stats().Pending)
		require.Zero(t, box.Stats().Rejected)
		for _, s := range b.settlements() {
			require.Equal(t, delivery.Ack, s, "nothing of it is delivered again")
		}
		time.Sleep(time.Hour)
		b.send(forged(flood))
		require.Equal(t, burst+2, box.Stats().Pending, "a single mistake is answered again")
	})
}

// A schedule of every second whose commands the verifier does not trust does not
// take the answers from those who send commands.
func TestLocalRefusalsHaveAnAllowanceOfTheirOwn(t *testing.T) {
	run(t, onlyGenuine, func(t *testing.T, b *bench) {
		deliver := func(c wire.Command, source delivery.Source) {
			data, err := c.Encode()
			require.NoError(t, err)
			b.in <- delivery.Delivery{Data: data, Source: source, Subject: "s", Settle: func(delivery.Settlement) {}}
			synctest.Wait()
		}
		answered := func() int {
			b.sink.mu.Lock()
			defer b.sink.mu.Unlock()
			return b.sink.puts
		}
		for n := range refusalBurst + 1 {
			deliver(forged(n), delivery.Schedule)
		}
		require.Equal(t, localRefusalBurst, answered())
		deliver(forged(refusalBurst+1), delivery.Live)
		require.Equal(t, localRefusalBurst+1, answered(), "a sender is answered")
		for n := range refusalBurst {
			deliver(forged(2*refusalBurst+n), delivery.Live)
		}
		require.Equal(t, localRefusalBurst+refusalBurst, answered())
		time.Sleep(allowanceEvery)
		deliver(forged(4*refusalBurst), delivery.Schedule)
		require.Equal(t, localRefusalBurst+refusalBurst+1, answered())
	})
}

func TestRefusalsNeverFillTheBoxOfResults(t *testing.T) {
	const box = 100_000 // as the agent opens it
	require.Less(t, refusalBurst+localRefusalBurst+2*int(Retention/allowanceEvery), box/4, "no broker takes results for as long as commands matter")
}

// What a forger or the verifier writes must not make refusals large.
func TestARefusalIsSmallWhateverIsRefused(t *testing.T) {
	run(t, onlyGenuine, func(t *testing.T, b *bench) {
		var size int
		b.service.admit.sink = sinkFunc(func(ctx context.Context, r outbox.Record) error {
			size = len(r.Data)
			return b.sink.Put(ctx, r)
		})
		long := strings.Repeat("i", 300<<10)
		b.deliver([]byte(`{"request_id":"forged-1","id":"` + long + `","exec_id":"` + long + `"}`))
		require.Contains(t, b.result(wire.RefusalID("forged-1", "PC-1")).Stderr, "refused: not signed")
		require.Less(t, size, 8<<10)
	})
}

// The box of observations gives up its oldest: what anybody can cause must not
// push out what scripts have reported.
func TestAFloodOfConflictsIsObservedWithinBounds(t *testing.T) {
	run(t, nil, func(t *testing.T, b *bench) {
		b.send(request("r"))
		for n := range 5 * conflictBurst {
			c := request("r")
			c.Script = fmt.Sprint("other ", n)
			b.send(c)
		}
		require.Len(t, b.events.observed, conflictBurst)
		require.EqualValues(t, 5*conflictBurst, b.service.Status().Conflicts)
		require.Equal(t, []string{"r"}, b.starts())
	})
}

// With a verifier, bytes that cannot be decoded are recorded unverified: who
// cannot sign can still occupy request IDs (and fill the ledger).
func TestGarbageDoesNotOccupyARequestIDUnderAVerifier(t *testing.T) {
	run(t, func(b *bench) {
		b.verify = func(_ context.Context, r Received) error {
			if !strings.Contains(string(r.Data), `"script":"x"`) {
				return errors.New("no valid signature")
			}
			return nil
		}
	}, func(t *testing.T, b *bench) {
		b.deliver([]byte(`{"request_id":"r","id":7}`)) // nobody signed that
		b.send(request("r"))                           // the true one
		synctest.Wait()
		assert.Equal(t, []string{"r"}, b.starts())
	})
}

// A verifier that panics takes the whole batch, live copies included, with it,
// and no result ever tells.
func TestAVerifierThatPanicsRefuses(t *testing.T) {
	b := newBench(t)
	b.verify = func(context.Context, Received) error { panic("bad key") }
	b.sh.run = func(context.Context, wire.Command, int) (exec.Outcome, error) { return exited(0, ""), nil }
	var err error
	b.ledger, _, err = OpenLedger(b.fs, b.dir, "PC-1", time.Now)
	require.NoError(t, err)
	defer func() { require.NoError(t, b.ledger.Close()) }()
	s := New(Config{
		PCID: "PC-1", Ledger: b.ledger, Sink: b.sink, Shells: map[string]Shell{"sh": b.sh}, Verify: b.verify,
		Events: &fakeEvents{}, Offline: func() time.Duration { return 0 }, Now: time.Now, Logger: slog.New(slog.DiscardHandler),
	})
	data, err := request("r").Encode()
	require.NoError(t, err)
	in := make(chan delivery.Delivery, 1)
	settled := 0
	in <- delivery.Delivery{Data: data, Settle: func(delivery.Settlement) { settled++ }}
	close(in)
	require.NotPanics(t, func() { _ = s.Admit(t.Context(), in) })
	require.Equal(t, 1, settled)
}

// What was received before the stop is still verified; its context has ended by
// then, so nothing of it is stored and the live copies are lost.
func TestARefusalDuringTheStopIsStored(t *testing.T) {
	b := newBench(t)
	var err error
	b.ledger, _, err = OpenLedger(b.fs, b.dir, "PC-1", time.Now)
	require.NoError(t, err)
	defer func() { require.NoError(t, b.ledger.Close()) }()
	box, err := outbox.Open(t.TempDir())
	require.NoError(t, err)
	defer func() { require.NoError(t, box.Close()) }()
	s := New(Config{
		PCID: "PC-1", Ledger: b.ledger, Sink: box, Shells: map[string]Shell{"sh": b.sh},
		Verify: func(context.Context, Received) error { return errors.New("no signature") },
		Events: &fakeEvents{}, Offline: func() time.Duration { return 0 }, Now: time.Now, Logger: slog.New(slog.DiscardHandler),
	})
	data, err := request("r").Encode()
	require.NoError(t, err)
	in := make(chan delivery.Delivery, 1)
	in <- delivery.Delivery{Data: data, Source: delivery.Live}
	close(in)
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // as admission.Stop does before it waits
	_ = s.Admit(ctx, in)
	require.Equal(t, 1, box.Stats().Pending)
}
