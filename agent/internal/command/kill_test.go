package command

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/internal/delivery"
	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/exec"
	"github.com/kanade-go/kanade/outbox"
	"github.com/kanade-go/kanade/outbox/atomicfile"
)

func TestAKillReachesACommandWhereverItIs(t *testing.T) {
	block := func(b *bench) {
		b.sh.run = func(ctx context.Context, _ wire.Command, _ int) (exec.Outcome, error) {
			<-ctx.Done()
			return exec.Outcome{End: exec.EndCanceled, Code: -1, Stdout: []byte("so far")}, nil
		}
	}
	run(t, block, func(t *testing.T, b *bench) {
		jittered := request("jittered")
		jittered.JitterSecs = 1_000_000
		b.send(jittered)
		for _, id := range []string{"running", "blocking", "queued"} {
			b.send(request(id))
		}
		require.ElementsMatch(t, []string{"running", "blocking"}, b.starts())

		for _, id := range []string{"jittered", "queued", "running"} {
			b.service.Kill("exec-" + id)
			r := b.result(id)
			require.EqualValues(t, -1, r.ExitCode)
			require.Equal(t, "killed by remote signal (kill.exec-"+id+")", r.Stderr)
		}
		require.Equal(t, "so far", b.result("running").Stdout)
		b.service.Kill("exec-unknown")
		b.service.Kill("exec-running") // over already
		b.service.Kill("exec-blocking")
		require.ElementsMatch(t, []string{"running", "blocking"}, b.starts())
		b.stop()
		b.start()
		require.ElementsMatch(t, []string{"running", "blocking"}, b.starts(), "a killed command stays killed")
	})
}

// A kill while its command is being admitted (verified here; or waiting in the
// subscription's buffer) finds nothing and is forgotten.
func TestAKillDuringTheAdmissionIsNotLost(t *testing.T) {
	gate := make(chan struct{})
	run(t, func(b *bench) {
		gate = make(chan struct{})
		b.verify = func(context.Context, Received) error { <-gate; return nil }
	}, func(t *testing.T, b *bench) {
		data, err := request("r").Encode()
		require.NoError(t, err)
		b.in <- delivery.Delivery{Data: data, Source: delivery.Live}
		synctest.Wait()
		b.service.Kill("exec-r")
		close(gate)
		synctest.Wait()
		assert.Empty(t, b.starts())
		r, _ := b.sink.result("r")
		assert.EqualValues(t, -1, r.ExitCode)
	})
}

// A backend that repeats a kill does not push out that of another command.
func TestRepeatedKillsPushOutNoOther(t *testing.T) {
	run(t, nil, func(t *testing.T, b *bench) {
		b.service.Kill("exec-r")
		for range 2 * maxEarlyKills {
			b.service.Kill("exec-other")
		}
		b.send(request("r"))
		require.EqualValues(t, -1, b.result("r").ExitCode)
		require.Empty(t, b.starts())
	})
}

// A kill between arm and push finds no queue entry; the answer then waits for
// the whole jitter, although "one that waits is answered at once".
func TestAKillDuringTheCommitIsAnsweredAtOnce(t *testing.T) {
	slow := &slowFS{FS: atomicfile.OS}
	run(t, func(b *bench) { b.fs = slow }, func(t *testing.T, b *bench) {
		c := request("r")
		c.JitterSecs = 1 << 40
		data, err := c.Encode()
		require.NoError(t, err)
		slow.delay.Store(int64(time.Second))
		b.in <- delivery.Delivery{Data: data, Source: delivery.Live}
		time.Sleep(500 * time.Millisecond) // in the sync
		b.service.Kill("exec-r")
		slow.delay.Store(0)
		time.Sleep(time.Minute)
		synctest.Wait()
		_, ok := b.sink.result("r")
		assert.True(t, ok)
	})
}

// A kill that reached a waiting command is only in memory until the one loop of
// verdicts comes round to it. A stop before that forgets it, and the next start
// runs what was killed.
func TestAKilledCommandStaysKilledOverAStop(t *testing.T) {
	b := newBench(t)
	synctest.Test(t, func(t *testing.T) {
		b.t = t
		b.start()
		b.service.perform.sink = sinkFunc(func(ctx context.Context, r outbox.Record) error {
			time.Sleep(2 * time.Second) // a slow disk
			return b.sink.Put(ctx, r)
		})
		late := request("late")
		late.DeadlineAt = time.Now().Add(-time.Second)
		b.send(late) // its verdict is being stored
		c := request("r")
		c.JitterSecs = 1 << 40
		b.send(c)
		b.service.Kill("exec-r")
		b.stop()
		b.start()
		time.Sleep(8 * 24 * time.Hour)
		synctest.Wait()
		b.stop()
		assert.Empty(t, b.starts(), "it was killed before the stop")
	})
}

// A kill that came just before the stop took its command out of the queue; if
// the loop of verdicts ends without looking again, the kill is forgotten and the
// next start runs the command.
func TestAKillRightBeforeAStopIsNotForgotten(t *testing.T) {
	for range 20 {
		b := newBench(t)
		synctest.Test(t, func(t *testing.T) {
			b.t = t
			b.start()
			c := request("r")
			c.JitterSecs = 1 << 40
			b.send(c)
			b.service.Kill("exec-r")
			b.stop()
			b.start()
			time.Sleep(8 * 24 * time.Hour)
			synctest.Wait()
			b.stop()
			require.Empty(t, b.starts(), "it was killed before the stop")
		})
	}
}
