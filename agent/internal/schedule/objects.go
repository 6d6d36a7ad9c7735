package schedule

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/kanade-go/kanade/retry"
)

const (
	// objectTime bounds the look at one object and its fetch.
	objectTime = 2 * time.Minute
	// objectCheck is how often the digests are looked at again: an object can be
	// replaced without a change of its job.
	objectCheck = time.Hour
)

// objectBackoff spaces the looks after one that failed.
var objectBackoff = retry.Backoff{Min: 15 * time.Second, Max: 10 * time.Minute, Factor: 2, Jitter: 0.25}

// keepObjects keeps the scripts that schedules need on this host, and their
// digests known.
func (s *Service) keepObjects(ctx context.Context) error {
	for failures := 0; ; {
		pause := objectCheck
		if s.refreshObjects(ctx) {
			failures = 0
		} else {
			failures++
			pause = objectBackoff.Jittered(failures)
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C:
		case <-s.objectsWake:
		}
		timer.Stop()
	}
}

// refreshObjects reports whether all that is wanted is known and here.
func (s *Service) refreshObjects(ctx context.Context) bool {
	s.mu.Lock()
	wanted := wantedObjects(s.manifests)
	s.mu.Unlock()
	all := true
	for _, object := range wanted {
		err := s.refreshObject(ctx, object)
		if ctx.Err() != nil {
			return false
		}
		s.told.tell("script object", object, s.problemOf(object, err))
		all = all && err == nil
	}
	s.told.retain("script object", func(object string) bool { return slices.Contains(wanted, object) })
	if all && s.schedules.isFresh() && s.jobs.isFresh() {
		s.forgetObjects()
	}
	return all
}

// problemOf says nothing of a broker that is away while the script is here.
func (s *Service) problemOf(object string, err error) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err == nil, errors.Is(err, context.DeadlineExceeded) && s.digest[object] != "":
		return ""
	case errors.Is(err, context.DeadlineExceeded):
		return "it could not be read in " + objectTime.String()
	}
	return err.Error()
}

// refreshObject leaves the last digest in force until its successor is here, or
// cannot be had: then the run says why.
func (s *Service) refreshObject(ctx context.Context, object string) error {
	ctx, cancel := context.WithTimeout(ctx, objectTime)
	defer cancel()
	digest, err := s.cfg.Objects.Digest(ctx, object)
	if err != nil {
		return err
	}
	err = s.cfg.Objects.Prefetch(ctx, object, digest)
	s.mu.Lock()
	before := s.digest[object]
	if ctx.Err() == nil || before == "" {
		s.digest[object] = digest
		s.dirty = s.dirty || before != digest
	}
	s.mu.Unlock()
	if before != digest {
		signal(s.wake)
	}
	return err
}

// forgetObjects drops the digests of what no schedule needs any more.
func (s *Service) forgetObjects() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.rearmed {
		return // nobody knows yet what is wanted
	}
	wanted := wantedObjects(s.manifests)
	kept := make(map[string]string, len(wanted))
	for _, object := range wanted {
		if digest := s.digest[object]; digest != "" {
			kept[object] = digest
		}
	}
	s.dirty = s.dirty || len(kept) != len(s.digest)
	s.digest = kept
}
