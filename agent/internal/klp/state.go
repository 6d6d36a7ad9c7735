package klp

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/kanade-go/kanade/agent/wire"
)

// board has the newest state.
type board struct {
	mu      sync.Mutex
	state   wire.KLPState
	at      time.Time
	version uint64 // of the state; 0: there is none yet
	changed chan struct{}
}

func newBoard() *board { return &board{changed: make(chan struct{})} }

// put takes a state and tells those who wait, if it differs from the last one.
func (b *board) put(s wire.KLPState, at time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.version > 0 && b.state.Equal(s) {
		return
	}
	b.state, b.at, b.version = s, at, b.version+1
	close(b.changed)
	b.changed = make(chan struct{})
}

// post is a state on the board.
type post struct {
	wire.KLPStateChanged
	version uint64
	changed <-chan struct{} // closed when there is a newer one
}

func (b *board) get() post {
	b.mu.Lock()
	defer b.mu.Unlock()
	return post{wire.KLPStateChanged{At: b.at, Snapshot: b.state}, b.version, b.changed}
}

// watch looks at the host now and then, and when it says so, until ctx ends.
func (s *Server) watch(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		link, settings := s.evaluate()
		timer.Reset(s.cfg.Beat.Until(s.limits.evaluate))
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		case <-link:
		case <-settings:
		}
	}
}

// evaluate returns what speaks when the state is another one.
func (s *Server) evaluate() (link, settings <-chan struct{}) {
	online, link := s.cfg.Host.Online()
	target, settings := s.cfg.Host.Target()
	if target == "" {
		target = s.cfg.Version
	}
	s.board.put(wire.KLPState{
		AgentVersion: s.cfg.Version, Online: online, PCID: s.cfg.PCID, TargetVersion: target, VPN: "unknown",
		Checks: []wire.KLPCheck{
			updateCheck(s.cfg.Version, target), diskCheck(s.disk.space(s.limits.disk)),
			unlooked("bitlocker"), unlooked("av_signature"), unlooked("cert_expiry"),
		},
	}, s.cfg.Now())
	return link, settings
}

func updateCheck(version, target string) wire.KLPCheck {
	if version == target {
		return wire.KLPCheck{Name: "agent_self_update", Status: wire.KLPOK, Detail: "up to date"}
	}
	return wire.KLPCheck{
		Name: "agent_self_update", Status: wire.KLPWarn,
		Detail: fmt.Sprintf("%s runs, %s is the target; restart pending", version, target),
	}
}

// firstLine leaves the stack of a panic out.
func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}

const gib = 1 << 30

func diskCheck(found space) wire.KLPCheck {
	c := wire.KLPCheck{Name: "disk_free", Status: wire.KLPUnknown}
	switch {
	case found.err != nil:
		c.Detail = "free space could not be read: " + firstLine(found.err)
		return c
	case found.total == 0:
		c.Detail = "the disk reports no size"
		return c
	}
	share := 100 * float64(found.free) / float64(found.total)
	c.Detail = fmt.Sprintf("%.1f%% free (%.1f GB / %.1f GB)", share, float64(found.free)/gib, float64(found.total)/gib)
	switch {
	case share >= 10:
		c.Status = wire.KLPOK
	case share >= 5:
		c.Status = wire.KLPWarn
	default:
		c.Status = wire.KLPFail
	}
	return c
}

// unlooked is a check that the protocol names and this agent does not make.
func unlooked(name string) wire.KLPCheck {
	return wire.KLPCheck{Name: name, Status: wire.KLPUnknown, Detail: "not checked"}
}
