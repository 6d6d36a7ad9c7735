package hostfacts

import (
	"context"
	"fmt"
	"maps"
	"time"
)

// collectorName is the resource that a collector which gives nothing is reported as.
const collectorName = "inventory collector"

// collect looks at the host and puts what changed into the outbox.
func (s *Service) collect(ctx context.Context, p plan) {
	timed, cancel := context.WithTimeout(ctx, collectTimeout)
	defer cancel()
	host, err := s.cfg.Source.Collect(timed)
	if ctx.Err() != nil {
		return
	}
	found := newSurvey(s.cfg.PCID, collected{host, err}, s.cfg.Now().UTC(), p)
	s.judge(found, err)
	s.publish(ctx, found, p)
	s.note(found)
}

// judge reports a collection that gave nothing at all.
func (s *Service) judge(found *survey, err error) {
	if found.empty() && err != nil {
		s.cfg.Board.Problem(collectorName, err)
		s.cfg.Logger.Warn("nothing of this host could be found out", "error", firstLine(err))
		return
	}
	s.cfg.Board.Fine(collectorName)
}

func (s *Service) note(found *survey) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status = Status{CollectedAt: found.at, FullAt: s.sent.FullAt, Problems: len(found.problems)}
}

// publish stores the sections that changed, or all if that is due.
func (s *Service) publish(ctx context.Context, found *survey, p plan) {
	before := s.sent
	s.sent.Hashes = maps.Clone(s.sent.Hashes)
	maps.DeleteFunc(s.sent.Hashes, func(name, _ string) bool { return !p.wanted(name) })
	full := s.beginFull(found)
	s.fit()
	if names := s.store(ctx, found); len(names) > 0 {
		s.cfg.Logger.Info("inventory is to be published", "sections", names, "full", full, "problems", len(found.problems))
	}
	if !maps.Equal(before.Hashes, s.sent.Hashes) || !before.FullAt.Equal(s.sent.FullAt) || before.Limit != s.sent.Limit {
		s.remember()
	}
}

// store returns the names of the sections that it stored. What was not stored at a
// stop keeps its former hash, or none.
func (s *Service) store(ctx context.Context, found *survey) (names []string) {
	for _, x := range found.sections {
		if s.sent.Hashes[x.name] == x.hash {
			continue
		}
		err := s.put(ctx, x, found.at)
		switch {
		case ctx.Err() != nil:
			return names
		case err != nil:
			s.cfg.Logger.Warn("a section of the inventory was not stored; it is tried again at the next turn", "section", x.name, "error", err)
			delete(s.sent.Hashes, x.name)
		default:
			s.sent.Hashes[x.name] = x.hash
			names = append(names, x.name)
		}
	}
	return names
}

// beginFull forgets what was published if all of it is due again. What is missing
// now is then published as soon as it is there.
func (s *Service) beginFull(found *survey) bool {
	var booted time.Time
	if os := found.host.OS; os != nil && os.BootedAt != nil {
		booted = *os.BootedAt
	}
	now := s.cfg.Now().UTC()
	if found.empty() || !s.sent.fullDue(now, booted) {
		return false
	}
	clear(s.sent.Hashes)
	s.sent.FullAt = now
	if !booted.IsZero() {
		s.sent.BootedAt = booted
	}
	return true
}

// fit forgets what was published in messages that are larger than the broker takes
// now, if some of them were put aside: they are made again, in more parts.
func (s *Service) fit() {
	limit := s.messageLimit()
	if limit < s.sent.Limit && s.cfg.Box.Stats().Stuck > 0 {
		s.cfg.Logger.Warn("the broker takes smaller messages than before; the inventory is published once more", "bytes", limit, "before", s.sent.Limit)
		clear(s.sent.Hashes)
	}
	s.sent.Limit = limit
}

func (s *Service) remember() {
	if err := s.sent.save(s.cfg.FS, s.cfg.File); err != nil {
		s.cfg.Logger.Warn("what was published is not remembered; a restart publishes it once more", "error", err)
	}
}

func (s *Service) put(ctx context.Context, x section, at time.Time) error {
	messages, err := x.messages(s.messageLimit())
	if err != nil {
		return err
	}
	for i, data := range messages {
		record, err := Record(fmt.Sprintf("%s-%d-%d", x.name, at.UnixMilli(), i+1), data)
		if err == nil {
			err = s.cfg.Box.Put(ctx, record)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

const (
	// maxMessage bounds messages where the broker would take larger ones.
	maxMessage = 1 << 20
	// headers is room for what comes with a message: max_payload counts it too.
	headers = 1 << 10
)

func (s *Service) messageLimit() int {
	limit := maxMessage
	if t, ok := s.cfg.Transport.(interface{ MaxPayload() int64 }); ok {
		if n := int(t.MaxPayload()); n > 0 {
			limit = min(limit, n)
		}
	}
	return limit - headers
}
