package update

import (
	"cmp"
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
// The digest is that of the bytes that it is sure of.
func (s *Service) obtain(ctx context.Context, c candidate) (sum string, err error) {
	if err := s.checkTried(c); err != nil {
		return "", err
	}
	s.step("fetch")
	if err := s.fetch(ctx, c); err != nil {
		return "", err
	}
	s.step("verify")
	if sum, err = s.verify(c); err != nil {
		return "", err
	}
	if c.signed == nil {
		s.log.Warn("nobody vouches for this release: no key is configured, or it is not signed", "target", c.target, "sha256", sum)
	}
	return sum, s.selfTest(ctx, c)
}

// verify compares what was fetched with the manifest and with this host.
func (s *Service) verify(c candidate) (sum string, err error) {
	if sum, err = s.cfg.Install.digest(s.cfg.Install.staged()); err != nil {
		return "", fmt.Errorf("update: read what was fetched: %w", err)
	}
	if c.signed != nil && c.signed.SHA256 != sum {
		return "", &refusal{fmt.Errorf("%w: its SHA-256 is %s, the manifest says %s", ErrOtherRelease, sum, c.signed.SHA256)}
	}
	err = s.checkStaged()
	if errors.Is(err, ErrPlatform) { // else it could not be read, which may pass
		err = &refusal{err}
	}
	return sum, err
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
		if info.Digest != c.info.Digest || info.Size != c.info.Size {
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
	there, err := s.cfg.Install.holds(s.cfg.Install.staged(), hex.EncodeToString(want))
	return err == nil && there
}

// maxDoublings of the pause between two tries: from one hour to 32.
const maxDoublings = 5

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
	next, now := t.Last.Add(s.times.RetryTried<<min(max(0, t.Times+t.Unswapped-1), maxDoublings)), s.cfg.Now()
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
	name := cmp.Or(report.Name, s.cfg.Name) // a program of somebody else's need not say it
	if name != s.cfg.Name || report.Version != c.target || report.OS != s.cfg.OS || report.Arch != s.cfg.Arch {
		return &refusal{fmt.Errorf("%w: it is %.64q %.64q for %.32q-%.32q, not %s %q for %s-%s",
			ErrMislabelled, name, report.Version, report.OS, report.Arch, s.cfg.Name, c.target, s.cfg.OS, s.cfg.Arch)}
	}
	if !report.Connected || !report.Settings {
		return fmt.Errorf("update: try release %s: connected: %v, settings read: %v", c.target, report.Connected, report.Settings)
	}
	return nil
}

// plan puts on disk what is about to happen, and counts the try in the same breath.
// What is planned is what was verified.
func (s *Service) plan(ctx context.Context, c candidate, verified string) error {
	i := s.cfg.Install
	from, err := i.keepLastGood()
	if err != nil {
		return err
	}
	to, err := i.digest(i.staged())
	if err != nil {
		return fmt.Errorf("update: read what was fetched: %w", err)
	}
	if to != verified {
		return fmt.Errorf("update: %s was changed after it was verified: its SHA-256 is %s, not %s; nobody but the agent may write in that folder", i.staged(), to, verified)
	}
	if from == to {
		return &refusal{fmt.Errorf("%w: it is the executable that runs", ErrMislabelled)}
	}
	r, err := s.load()
	if err != nil {
		return err
	}
	if wanted, _ := s.target(); ctx.Err() != nil || wanted != c.target || !s.cfg.Fresh() {
		return errors.Join(errWithdrawn, ctx.Err())
	}
	now := s.cfg.Now()
	r.Plan = &plan{Phase: phaseSwap, From: s.cfg.Version, To: c.target, FromSHA256: from, ToSHA256: to, Floor: c.floor, Since: now.UTC(), Managed: i.byManager()}
	r.try(now)
	s.step("plan")
	if err := s.save(r); err != nil {
		return err
	}
	s.step("drain")
	s.log.Info("the agent stops for an update", "from", s.cfg.Version, "to", c.target, "sha256", to)
	s.endForSwap(*r.Plan)
	return nil
}

// endForSwap has the agent stop for its successor, which one that cannot even stop
// needs all the more.
func (s *Service) endForSwap(p plan) {
	swap := func() error { return s.swap(p) }
	s.endFor(swap, swap)
}

// swap replaces the executable with the staged one. Both are compared once more: what
// somebody has installed meanwhile stays.
func (s *Service) swap(p plan) error {
	i := s.cfg.Install
	if planned, err := i.holds(i.staged(), p.ToSHA256); err != nil || !planned {
		return errors.Join(fmt.Errorf("update: %s is not what was planned", i.staged()), err)
	}
	if running, err := i.running(); err == nil && running != p.FromSHA256 {
		return fmt.Errorf("update: %s is another executable by now, and stays", i.Path)
	}
	return i.swapIn(i.staged())
}
