package command

import (
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/internal/delivery"
	"github.com/kanade-go/kanade/outbox/atomicfile"
)

func TestOneResultAndOneStartWhateverArrives(t *testing.T) {
	run(t, nil, func(t *testing.T, b *bench) {
		for range 3 {
			b.send(request("r"))
		}
		require.Equal(t, "ran r", b.result("r").Stdout)
		other := request("r")
		other.Script = "something else"
		b.send(other)
		require.Equal(t, []string{"r"}, b.starts())
		require.Equal(t, []delivery.Settlement{delivery.Ack, delivery.Ack, delivery.Ack, delivery.Ack}, b.settlements())
		status := b.service.Status()
		require.EqualValues(t, 2, status.Duplicates)
		require.EqualValues(t, 1, status.Conflicts)
		require.Equal(t, []string{"command_admission_conflict"}, b.events.observed)
		b.stop()
		b.start()
		b.send(request("r"))
		require.Equal(t, []string{"r"}, b.starts(), "a restart does not forget")
	})
}

func TestCopiesInOneBatchAreOneCommand(t *testing.T) {
	b := newBench(t)
	synctest.Test(t, func(t *testing.T) {
		b.t = t
		b.start()
		same, err := request("r").Encode()
		require.NoError(t, err)
		changed := request("r")
		changed.Script = "y"
		other, err := changed.Encode()
		require.NoError(t, err)
		var answers []delivery.Settlement
		settle := func(s delivery.Settlement) { answers = append(answers, s) }
		b.service.admit.admit(t.Context(), []delivery.Delivery{
			{Data: same, Settle: settle}, {Data: same, Settle: settle}, {Data: other, Settle: settle},
		})
		synctest.Wait()
		require.Len(t, answers, 3)
		require.Equal(t, []string{"r"}, b.starts())
		require.Equal(t, "ran r", b.result("r").Stdout)
		b.stop()
	})
}

// The live and the replayed copy mostly come together, in one batch. The
// stream's stamp of the second one must not be lost: it is acknowledged and
// never comes again, and the host's clock decides from then on.
func TestTheStampOfACopyInTheSameBatchIsKept(t *testing.T) {
	run(t, nil, func(t *testing.T, b *bench) {
		data, err := request("r").Encode()
		require.NoError(t, err)
		stamp := time.Now().Add(-time.Hour)
		b.service.admit.admit(t.Context(), []delivery.Delivery{
			{Data: data, Source: delivery.Live},
			{Data: data, Source: delivery.Replay, Stamp: stamp},
		})
		synctest.Wait()
		b.ledger.journal.mu.Lock()
		defer b.ledger.journal.mu.Unlock()
		assert.True(t, stamp.Equal(b.ledger.entries[b.ledger.KeyOf("r")].stamp))
	})
}

// An empty request ID cannot name a result's file, subject or ledger entry of
// its own: the record gets a random name, so nothing waits for the ledger.
func TestAnEmptyRequestIDIsNotRun(t *testing.T) {
	run(t, nil, func(t *testing.T, b *bench) {
		b.deliver([]byte(`{"id":"job","version":"1","request_id":"","shell":"sh","script":"x","timeout_secs":1}`))
		synctest.Wait()
		assert.Empty(t, b.starts())
	})
}

func TestALedgerThatCannotBeWrittenMeansNoAckAndNoRun(t *testing.T) {
	broken := &brokenFS{FS: atomicfile.OS}
	run(t, func(b *bench) { b.fs = broken }, func(t *testing.T, b *bench) {
		broken.fail(errDisk, nil, nil)
		b.send(request("r"))
		require.Equal(t, []delivery.Settlement{delivery.Nak}, b.settlements())
		require.Empty(t, b.starts())
		b.send(request("other"))
		require.Equal(t, []string{"command_admission_unavailable"}, b.events.observed, "once, on the change")
		broken.fail(nil, nil, nil)
		b.send(request("r"))
		require.Equal(t, "ran r", b.result("r").Stdout)
	})
}

// A live command has no settlement: what the ledger cannot take at the moment
// is gone, although the log promises another delivery.
func TestALiveCommandOutlastsAShortFailureOfTheDisk(t *testing.T) {
	disk := &brokenFS{FS: atomicfile.OS}
	run(t, func(b *bench) { b.fs = disk }, func(t *testing.T, b *bench) {
		disk.fail(errDisk, errDisk, errDisk)
		data, err := request("r").Encode()
		require.NoError(t, err)
		b.in <- delivery.Delivery{Data: data, Subject: "commands.pc.PC-1", Source: delivery.Live}
		synctest.Wait()
		time.Sleep(time.Second)
		disk.fail(nil, nil, nil)
		time.Sleep(time.Hour)
		synctest.Wait()
		_, ok := b.sink.result("r")
		assert.True(t, ok, "the only copy was dropped")
	})
}

// A full backlog is a passing fault, unlike a full ledger: what is live must be
// held until commands have run, not dropped.
func TestALiveCommandOutlastsAFullBacklog(t *testing.T) {
	run(t, nil, func(t *testing.T, b *bench) {
		b.ledger.maxBacklog = 1000
		waits := request("waits")
		waits.Script = strings.Repeat("x", 900)
		waits.JitterSecs = 1 << 40
		b.send(waits)
		data, err := request("live").Encode()
		require.NoError(t, err)
		b.in <- delivery.Delivery{Data: data, Subject: "commands.pc.PC-1", Source: delivery.Live}
		synctest.Wait()
		b.service.Kill("exec-waits") // makes room
		time.Sleep(time.Hour)
		synctest.Wait()
		_, ok := b.sink.result("live")
		assert.True(t, ok, "the only copy was dropped")
	})
}

// One batch is bounded by number only. 256 commands of 1 MiB, the default
// max_payload, are one line buffer.
func TestABatchIsBoundedInBytes(t *testing.T) {
	d := newLedgerDir(t)
	l := d.open()
	in := make(chan delivery.Delivery, maxBatch)
	for range maxBatch {
		in <- delivery.Delivery{Data: make([]byte, 1<<20)}
	}
	var batch []Admission
	bytes := 0
	for i, x := range gatherBatch([]delivery.Delivery{<-in}, in) {
		batch = append(batch, admission(l, string(rune('a'+i%26))+string(rune('a'+i/26)), string(x.Data)))
		bytes += len(x.Data)
	}
	peak := peakHeap(func() { _ = l.Record(batch) })
	t.Logf("a batch of %d MiB, peak heap %d MiB", bytes>>20, peak>>20)
	require.Less(t, bytes, maxBacklog)
}

func peakHeap(f func()) uint64 {
	done := make(chan struct{})
	peak := make(chan uint64)
	go func() {
		var most uint64
		var m runtime.MemStats
		for {
			runtime.ReadMemStats(&m)
			most = max(most, m.HeapInuse)
			select {
			case <-done:
				peak <- most
				return
			case <-time.After(2 * time.Millisecond):
			}
		}
	}()
	f()
	close(done)
	return <-peak
}

// Two commands under one request ID that arrive together: one runs, the other is
// reported.
func TestAConflictWithinABatchIsReported(t *testing.T) {
	run(t, nil, func(t *testing.T, b *bench) {
		var batch []delivery.Delivery
		var settled []delivery.Settlement
		for _, script := range []string{"first", "second", "first"} {
			c := request("r")
			c.Script = script
			data, err := c.Encode()
			require.NoError(t, err)
			batch = append(batch, delivery.Delivery{Data: data, Settle: func(s delivery.Settlement) { settled = append(settled, s) }})
		}
		b.service.admit.admit(t.Context(), batch)
		require.Equal(t, "ran r", b.result("r").Stdout)
		require.Equal(t, []string{"r"}, b.starts())
		require.Equal(t, []string{"command_admission_conflict"}, b.events.observed)
		require.EqualValues(t, 1, b.service.Status().Conflicts)
		require.EqualValues(t, 1, b.service.Status().Duplicates)
		require.Len(t, settled, 3)
		require.NotContains(t, settled, delivery.Nak)
	})
}
