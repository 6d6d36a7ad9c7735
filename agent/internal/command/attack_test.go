package command

import (
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/internal/delivery"
	"github.com/kanade-go/kanade/outbox/atomicfile"
)

// A host without an EXEC stream that restarts every day never forgets anything:
// the age of what has no stamp starts at zero with each process. After 100,000
// commands the ledger is full for good.
func TestAttackAHostThatRestartsDailyForgetsToo(t *testing.T) {
	d := newLedgerDir(t)
	l := d.open()
	require.NoError(t, l.Finish(admitOne(t, l, "first day")))
	for range 60 {
		l.uptime = func() time.Duration { return 23 * time.Hour }
		d.clock.at = d.clock.at.Add(24 * time.Hour)
		l = d.reopen(l)
	}
	require.Equal(t, Unknown, lookup(l, "first day", "body of first day"), "two months old")
}

// A full backlog is a passing fault, unlike a full ledger: what is live must be
// held until commands have run, not dropped.
func TestAttackALiveCommandOutlastsAFullBacklog(t *testing.T) {
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

// A panic whose verdict the ledger cannot take at that moment leaves the command
// in no queue: no result until somebody restarts the agent.
func TestAttackAPanicWhileTheDiskFailsIsAnsweredLater(t *testing.T) {
	disk := &brokenFS{FS: atomicfile.OS}
	run(t, func(b *bench) { b.fs = disk }, func(t *testing.T, b *bench) {
		sh := &spoilingShell{Shell: b.service.shells["sh"], disk: disk}
		b.service.shells["sh"] = sh
		b.send(request("r"))
		time.Sleep(time.Minute)
		disk.fail(nil, nil, nil)
		time.Sleep(time.Hour)
		synctest.Wait()
		_, ok := b.sink.result("r")
		assert.True(t, ok)
	})
}

// spoilingShell panics when it is asked the second time, and the disk fails.
type spoilingShell struct {
	Shell
	disk  *brokenFS
	asked atomic.Int32
}

func (s *spoilingShell) Available() error {
	if s.asked.Add(1) == 2 {
		s.disk.fail(errDisk, errDisk, errDisk)
		panic("looking for the shell")
	}
	return nil
}
