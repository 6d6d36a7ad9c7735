package update

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"github.com/kanade-go/kanade/outbox/atomicfile"
)

// What the agent that ran here before this program leaves for ever once it has
// replaced itself: its own executable, a half of its successor, and what it fetched.
// It removes the first two itself at its start. Its marker against loops,
// last_swap.json, is of some bytes and stays: where it is put back beside a target
// that it left, that keeps it from following the target at once.
func (s *Service) former() []string {
	left := []string{s.cfg.Install.Path + ".old", s.cfg.Install.Path + ".new"}
	if s.cfg.FormerStaging == "" {
		return left
	}
	err := atomicfile.EachEntry(s.cfg.Install.FS, s.cfg.FormerStaging, func(e fs.DirEntry) error {
		if e.Type().IsRegular() && strings.HasSuffix(e.Name(), ".staged") {
			left = append(left, filepath.Join(s.cfg.FormerStaging, e.Name()))
		}
		return nil
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.log.Debug("what another agent has fetched is not looked for", "error", err)
	}
	return left
}

// clearFormer removes it, once, and not before this program does its work: until then
// somebody may need it.
func (s *Service) clearFormer() (done bool) {
	if s.cleared || s.cfg.Healthy() != nil {
		return s.cleared
	}
	s.cleared = true
	for _, path := range s.former() {
		err := s.cfg.Install.FS.Remove(path)
		switch {
		case err == nil:
			s.log.Info("a file of the agent that ran here before is removed", "file", path)
		case !errors.Is(err, fs.ErrNotExist):
			s.log.Warn("a file of the agent that ran here before is not removed", "error", err)
		}
	}
	if s.cfg.FormerStaging != "" {
		_ = atomicfile.TryRemove(s.cfg.Install.FS, s.cfg.FormerStaging) // if it is empty now
	}
	return true
}

// rest waits until the settings change.
func (s *Service) rest(ctx context.Context, changed <-chan struct{}) {
	for !s.clearFormer() {
		again := time.NewTimer(s.times.ConfirmAfter)
		over := waitFor(ctx, changed, again.C)
		again.Stop()
		if over || ctx.Err() != nil {
			return
		}
	}
	waitFor(ctx, changed, nil)
}
