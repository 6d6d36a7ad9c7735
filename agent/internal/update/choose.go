package update

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/retry"
)

// ManifestKey is the key of an object's metadata that holds its manifest. Object and
// manifest come and go as one.
const ManifestKey = "kanade-manifest"

var (
	// ErrMissing says that the store has no release of that version for this platform.
	ErrMissing = errors.New("update: the store has no release for this platform")
	// ErrFloor says that a version is older than what may run here.
	ErrFloor = errors.New("update: the version is below the floor")
	// ErrTried says that a release was tried before and did not work.
	ErrTried = errors.New("update: the release was tried before and taken back")
	// ErrNoSpace says that the disk is too full.
	ErrNoSpace = errors.New("update: not enough free space")
)

// refusal is a no that only another object would change.
type refusal struct{ error }

func (r *refusal) Unwrap() error { return r.error }

func isRefusal(err error) bool {
	_, is := errors.AsType[*refusal](err)
	return is
}

// ObjectName is the name of a release in the store.
func ObjectName(version, os, arch string) string { return version + "-" + os + "-" + arch }

// candidate is an object that may become the executable.
type candidate struct {
	target string
	object string
	info   *jetstream.ObjectInfo
	floor  string // that its manifest asks for
	signed *Release
}

// key is of the bytes and of what is said of them: the same object with another
// manifest is another candidate.
func (c candidate) key() string {
	return fmt.Sprintf("%s %.100s %x", c.target, c.info.Digest, sha256.Sum256([]byte(c.info.Metadata[ManifestKey])))
}

// spare is how much space an update leaves free.
const spare = 16 << 20

// choose finds the object of a version and judges what is known of it.
func (s *Service) choose(ctx context.Context, target string) (candidate, error) {
	if err := s.aboveFloor(target); err != nil {
		return candidate{}, err
	}
	s.step("look")
	c := candidate{target: target}
	if err := s.find(ctx, &c); err != nil {
		return c, err
	}
	if err := s.judgeManifest(&c); err != nil {
		return c, &refusal{err}
	}
	return c, s.room(c)
}

// aboveFloor compares with the floor of the configuration and that of the releases
// that have run here.
func (s *Service) aboveFloor(target string) error {
	r, err := s.cfg.Install.load()
	if err != nil {
		return err
	}
	for _, floor := range []string{s.cfg.Floor, r.Floor} {
		if floor != "" && compareVersions(target, floor) < 0 {
			return fmt.Errorf("%w: %s is older than %s", ErrFloor, target, floor)
		}
	}
	return nil
}

// lookTimeout is the deadline of one request.
const lookTimeout = 10 * time.Second

// find asks for the object of this platform first. Only Windows has releases whose
// names say no platform.
func (s *Service) find(ctx context.Context, c *candidate) error {
	names := []string{ObjectName(c.target, s.cfg.OS, s.cfg.Arch)}
	if s.cfg.OS == "windows" {
		names = append(names, c.target)
	}
	for _, name := range names {
		info, err := s.objectInfo(ctx, name)
		if errors.Is(err, jetstream.ErrObjectNotFound) {
			continue
		}
		if err != nil {
			return fmt.Errorf("update: look for object %s: %w", name, err)
		}
		c.object, c.info = name, info
		return s.checkInfo(info)
	}
	return fmt.Errorf("%w: %s has none of %q", ErrMissing, wire.StoreAgentReleases, names)
}

// objectInfo waits for a connection and the store.
func (s *Service) objectInfo(ctx context.Context, name string) (*jetstream.ObjectInfo, error) {
	return retry.Forever(ctx, "release "+name, func(ctx context.Context) (*jetstream.ObjectInfo, error) {
		info, err := s.cfg.Objects.ObjectInfo(ctx, wire.StoreAgentReleases, name)
		if errors.Is(err, jetstream.ErrObjectNotFound) || errors.Is(err, jetstream.ErrBadObjectMeta) {
			return nil, retry.Permanent(err)
		}
		return info, err
	}, retry.WithTransport(s.cfg.Transport), retry.WithAttemptTimeout(lookTimeout), retry.WithLogger(s.log))
}

func (s *Service) checkInfo(info *jetstream.ObjectInfo) error {
	if info.Size < 1 || info.Size > MaxRelease {
		return fmt.Errorf("update: object %s has %d bytes, not 1 to %d", info.Name, info.Size, MaxRelease)
	}
	return nil
}

// judgeManifest checks who vouches for the object. Its digest is compared when the
// bytes are there.
func (s *Service) judgeManifest(c *candidate) error {
	text, given := c.info.Metadata[ManifestKey]
	if !given {
		if len(s.cfg.Keys) > 0 && !s.cfg.AllowUnsigned {
			return fmt.Errorf("%w: object %s has no manifest", ErrUnsigned, c.object)
		}
		return nil
	}
	if len(s.cfg.Keys) == 0 {
		return nil // nobody here can tell what it is worth
	}
	m, err := DecodeManifest([]byte(text))
	if err != nil {
		return err
	}
	if err := s.cfg.Keys.Verify(m); err != nil {
		return err
	}
	want := Release{
		Name: s.cfg.Name, Version: c.target, OS: s.cfg.OS, Arch: s.cfg.Arch,
		SHA256: m.Release.SHA256, Size: int64(c.info.Size),
	}
	if err := m.Release.Matches(want); err != nil {
		return err
	}
	c.signed, c.floor = &m.Release, m.Release.MinimumVersion
	return nil
}

// room checks the disk: the release and the last good executable must fit, each as far
// as it is not there.
func (s *Service) room(c candidate) error {
	i := s.cfg.Install
	free, err := s.cfg.Free(i.folder())
	if err != nil {
		return fmt.Errorf("update: free space of %s: %w", i.folder(), err)
	}
	have, need := free+i.size(i.staged()), c.info.Size+spare // what is staged is used, or replaced
	if have >= need+i.size(i.Path) {
		return nil
	}
	if have < need || !i.keepsRunning() {
		return fmt.Errorf("%w: %s has %d bytes, %d are needed", ErrNoSpace, i.folder(), have, need+i.size(i.Path))
	}
	return nil
}
