package update

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/outbox/atomicfile"
	"github.com/kanade-go/kanade/retry"
)

// ErrMislabelled says that a release calls itself something else.
var ErrMislabelled = errors.New("update: the release calls itself something else")

// obtain brings a candidate to its place beside the executable and makes sure of it.
func (s *Service) obtain(ctx context.Context, c candidate) error {
	if err := s.checkTried(c); err != nil {
		return err
	}
	s.step("fetch")
	if err := s.fetch(ctx, c); err != nil {
		return err
	}
	s.step("verify")
	sum, err := s.cfg.Install.digest(s.cfg.Install.staged())
	if err != nil {
		return fmt.Errorf("update: read what was fetched: %w", err)
	}
	if c.signed != nil && c.signed.SHA256 != sum {
		return &refusal{fmt.Errorf("%w: its SHA-256 is %s, the manifest says %s", ErrOtherRelease, sum, c.signed.SHA256)}
	}
	if err := s.checkStaged(); err != nil {
		return &refusal{err}
	}
	if c.signed == nil {
		s.log.Warn("nobody vouches for this release: no key is configured, or it is not signed", "target", c.target, "sha256", sum)
	}
	return s.selfTest(ctx, c)
}

// fetch reads the object into the staged file. What is there already from an
// interrupted try is taken if it is the same.
func (s *Service) fetch(ctx context.Context, c candidate) error {
	if s.isStaged(c) && s.cfg.Install.sync(s.cfg.Install.staged()) == nil {
		return nil // who fetched it may have been killed before it was on disk
	}
	var file atomicfile.File
	begin := func(info *jetstream.ObjectInfo) (io.Writer, error) {
		if file != nil {
			_ = file.Close() // it is replaced
		}
		if info.Digest != c.info.Digest {
			return nil, errors.New("update: the object was replaced meanwhile")
		}
		var err error
		file, err = s.cfg.Install.create(s.cfg.Install.staged())
		return file, err
	}
	_, err := retry.ReadObject(ctx, s.cfg.Objects, wire.StoreAgentReleases, c.object, begin,
		retry.WithTransport(s.cfg.Transport), retry.WithMissingIsAnswer(), retry.WithLogger(s.log))
	if file != nil {
		if err == nil {
			err = file.Sync()
		}
		err = errors.Join(err, file.Close())
	}
	if err != nil {
		return fmt.Errorf("update: fetch %s: %w", c.object, err)
	}
	return nil
}

func (s *Service) isStaged(c candidate) bool {
	want, err := jetstream.DecodeObjectDigest(c.info.Digest)
	if err != nil {
		return false
	}
	have, err := s.cfg.Install.digest(s.cfg.Install.staged())
	return err == nil && have == hex.EncodeToString(want)
}

// checkTried is the guard against loops. The store's digest is that of the bytes, or
// the fetch fails.
func (s *Service) checkTried(c candidate) error {
	sum, err := jetstream.DecodeObjectDigest(c.info.Digest)
	if err != nil {
		return &refusal{fmt.Errorf("update: digest of object %s: %w", c.object, err)}
	}
	r, err := s.cfg.Install.load()
	if err != nil {
		return err
	}
	at := r.entry(hex.EncodeToString(sum))
	if at < 0 {
		return nil
	}
	t := r.Tried[at]
	if t.Never || t.Times >= maxTimes {
		return &refusal{fmt.Errorf("%w %d times, and is not tried again: %s", ErrTried, t.Times, t.Reason)}
	}
	next, now := t.Last.Add(s.times.RetryTried<<(t.Times-1)), s.cfg.Now()
	if now.Before(next) && !now.Before(t.Last) { // else the clock was ahead then
		return fmt.Errorf("%w: %s; it is tried again at %s", ErrTried, t.Reason, next.Format("2006-01-02 15:04:05Z07:00"))
	}
	return nil
}

func (s *Service) checkStaged() error {
	f, err := s.cfg.Install.FS.OpenFile(s.cfg.Install.staged(), os.O_RDONLY, 0)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // only read
	return checkPlatform(f, s.cfg.OS, s.cfg.Arch)
}

// selfTest has the release itself say who it is, and that it can work here.
func (s *Service) selfTest(ctx context.Context, c candidate) error {
	s.step("selftest")
	ctx, cancel := context.WithTimeout(ctx, s.times.SelfTest)
	defer cancel()
	report, err := s.cfg.SelfTest(ctx, s.cfg.Install.staged())
	if err != nil {
		return fmt.Errorf("update: try release %s: %w", c.target, err)
	}
	if report.Version != c.target || report.OS != s.cfg.OS || report.Arch != s.cfg.Arch {
		return &refusal{fmt.Errorf("%w: it is %.64q for %.32s-%.32s, not %q for %s-%s",
			ErrMislabelled, report.Version, report.OS, report.Arch, c.target, s.cfg.OS, s.cfg.Arch)}
	}
	if !report.Connected || !report.Settings {
		return fmt.Errorf("update: try release %s: connected: %v, settings read: %v", c.target, report.Connected, report.Settings)
	}
	return nil
}

// plan puts on disk what is about to happen, and counts the try in the same breath.
func (s *Service) plan(ctx context.Context, c candidate) error {
	i := s.cfg.Install
	from, err := i.keepLastGood()
	if err != nil {
		return err
	}
	to, err := i.digest(i.staged())
	if err != nil {
		return fmt.Errorf("update: read what was fetched: %w", err)
	}
	if from == to {
		return &refusal{fmt.Errorf("%w: it is the executable that runs", ErrMislabelled)}
	}
	r, err := s.load()
	if err != nil {
		return err
	}
	if ctx.Err() != nil || !s.cfg.Fresh() {
		return errors.Join(errWithdrawn, ctx.Err())
	}
	now := s.cfg.Now()
	r.Plan = &plan{Phase: phaseSwap, From: s.cfg.Version, To: c.target, FromSHA256: from, ToSHA256: to, Floor: c.floor, Since: now.UTC()}
	r.try(now)
	s.step("plan")
	if err := s.save(r); err != nil {
		return err
	}
	s.step("drain")
	s.log.Info("the agent stops for an update", "from", s.cfg.Version, "to", c.target, "sha256", to)
	s.endFor(func() error { return s.swap(to) }, nil)
	return nil
}

// swap replaces the executable with the staged one, once more compared.
func (s *Service) swap(want string) error {
	i := s.cfg.Install
	if have, err := i.digest(i.staged()); err != nil || have != want {
		return errors.Join(fmt.Errorf("update: %s is not what was planned", i.staged()), err)
	}
	return i.swapIn(i.staged())
}
