package klp

import (
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/wire"
)

// stuckHost has a disk that answers when it is let.
type stuckHost struct {
	*fakeHost
	asked atomic.Int64
	let   chan struct{}
}

func (h *stuckHost) Disk() (free, total uint64, err error) {
	h.asked.Add(1)
	<-h.let
	return h.fakeHost.Disk()
}

func (s *Server) diskCheckNow() wire.KLPCheck { return s.board.get().Snapshot.Checks[1] }

func TestADiskThatHangsHoldsUpNothingElse(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		host := &stuckHost{fakeHost: newHost(), let: make(chan struct{})}
		s := New(Config{PCID: "a", Version: "1", Host: host, Log: logFunc(noLog)})
		began := time.Now()
		for range 100 {
			s.evaluate()
		}
		require.Equal(t, s.limits.disk, time.Since(began), "it is waited for once")
		require.EqualValues(t, 1, host.asked.Load(), "one goroutine hangs with it, and no more")
		require.Equal(t, wire.KLPCheck{Name: "disk_free", Status: wire.KLPUnknown, Detail: "free space could not be read: the disk does not answer"}, s.diskCheckNow())
		host.set(func(h *fakeHost) { h.target = "2" })
		s.evaluate()
		require.Equal(t, "2", s.board.get().Snapshot.TargetVersion, "the rest of the state goes on")

		close(host.let)
		synctest.Wait()
		s.evaluate()
		require.Equal(t, wire.KLPOK, s.diskCheckNow().Status, "it is back")
		host.set(func(h *fakeHost) { h.free = 1 << 30 })
		s.evaluate()
		require.Equal(t, wire.KLPFail, s.diskCheckNow().Status, "and asked again")
	})
}

func TestADiskWhoseLibraryPanicsIsUnknown(t *testing.T) {
	t.Parallel()
	p := diskProbe{ask: func() (uint64, uint64, error) { panic("boom") }}
	require.ErrorContains(t, p.space(generous).err, "boom")
	p.ask = func() (uint64, uint64, error) { return 0, 0, errors.New("gone") }
	require.EqualError(t, p.space(generous).err, "gone")
}
