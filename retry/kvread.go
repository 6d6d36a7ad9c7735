package retry

import (
	"context"
	"errors"
	"fmt"
)

// errRecreated says that the bucket was re-created between two pages.
var errRecreated = errors.New("the bucket was re-created while it was read")

const (
	pageMessages = 1024    // also the server's limit for one multi-last request
	pageBytes    = 1 << 20 // what a slow link carries within a deadline
)

// readMark asks for the newest message of the bucket.
func (k *kvRead) readMark(ctx context.Context) error {
	k.patterns = []string{">"}
	m, err := k.single(ctx, k.plainSubject(), directGet{LastFor: k.subject(">")})
	if errors.Is(err, errNoMessage) {
		return nil
	}
	if err != nil {
		return err
	}
	if _, err := m.keyOf(k.bucket, k.patterns); err != nil {
		return err
	}
	k.mark = m.mark()
	return nil
}

// readPatterns reads one key by one request with one answer, what fits in one batch by one request, and more by several,
// with a look at the mark before and after: sequences that start over in between would hide the rest.
func (k *kvRead) readPatterns(ctx context.Context, patterns []string) error {
	if len(patterns) == 1 && isExact(patterns[0]) {
		return k.readOne(ctx, patterns[0], k.plainSubject())
	}
	before, err := k.multiLast(ctx, patterns, 0)
	if err == nil && before == 0 || err != nil && !errors.Is(err, errTooMany) {
		return err
	}
	return k.bracketed(ctx, func() error { return k.readSplit(ctx, patterns) })
}

func (k *kvRead) bracketed(ctx context.Context, read func() error) error {
	patterns := k.patterns
	if err := k.readMark(ctx); err != nil {
		return err
	}
	before := k.mark
	k.patterns, k.entries, k.bytes = patterns, map[string]kvMessage{}, 0
	if err := read(); err != nil {
		return err
	}
	if err := k.readMark(ctx); err != nil {
		return err
	}
	after := k.mark
	k.patterns, k.mark = patterns, before
	if before.isOfEarlierBucket(after) {
		return errRecreated
	}
	return nil
}

// isOfEarlierBucket reports that the sequences have started over between the two marks.
func (m KVMark) isOfEarlierBucket(later KVMark) bool {
	if m.Sequence == later.Sequence {
		return !m.equal(later)
	}
	return later.Sequence < m.Sequence && !later.Time.Before(m.Time)
}

func (m KVMark) isZero() bool { return m == KVMark{} }

// behind reports that m is an earlier message than known; see Entry.behind.
func (m KVMark) behind(known KVMark) bool {
	return m.Sequence < known.Sequence && m.Time.Before(known.Time)
}

func (m KVMark) later(other KVMark) KVMark {
	if other.behind(m) {
		return m
	}
	return other
}

func (m KVMark) equal(other KVMark) bool {
	return m.Sequence == other.Sequence && m.Time.Equal(other.Time) && m.Subject == other.Subject
}

// readSplit halves the patterns until the server takes them in one request; one pattern is read along the sequences.
func (k *kvRead) readSplit(ctx context.Context, patterns []string) error {
	from, left := uint64(0), 1
	for left > 0 {
		last, n, err := k.multiLastPage(ctx, patterns, from)
		if errors.Is(err, errTooMany) {
			return k.readHalves(ctx, patterns)
		}
		if err != nil {
			return err
		}
		from, left = last+1, n
	}
	return nil
}

func (k *kvRead) readHalves(ctx context.Context, patterns []string) error {
	if len(patterns) == 1 {
		return k.readAlong(ctx, patterns[0])
	}
	half := len(patterns) / 2
	if err := k.readSplit(ctx, patterns[:half]); err != nil {
		return err
	}
	return k.readSplit(ctx, patterns[half:])
}

// readAlong reads every message of a pattern, page by page. What is written meanwhile comes on a later page.
func (k *kvRead) readAlong(ctx context.Context, pattern string) error {
	for from, left := uint64(1), 1; left > 0; {
		last, n, err := k.page(ctx, directGet{
			Sequence: from, NextFor: k.subject(pattern), Batch: pageMessages, MaxBytes: pageBytes,
		})
		if errors.Is(err, errNoMessage) {
			return nil
		}
		if err != nil {
			return err
		}
		from, left = last+1, n
	}
	return nil
}

// multiLast reads the first batch and returns how many keys are left over.
func (k *kvRead) multiLast(ctx context.Context, patterns []string, from uint64) (left int, err error) {
	_, left, err = k.multiLastPage(ctx, patterns, from)
	return left, err
}

func (k *kvRead) multiLastPage(ctx context.Context, patterns []string, from uint64) (last uint64, left int, err error) {
	subjects := make([]string, len(patterns))
	for i, pattern := range patterns {
		subjects[i] = k.subject(pattern)
	}
	last, left, err = k.page(ctx, directGet{Sequence: from, MultiLastFor: subjects, Batch: pageMessages, MaxBytes: pageBytes})
	if errors.Is(err, errNoMessage) {
		return 0, 0, nil
	}
	return last, left, err
}

// readSingly is for servers before 2.11, which answer one message a request.
func (k *kvRead) readSingly(ctx context.Context) error {
	k.entries, k.bytes = map[string]kvMessage{}, 0
	return k.bracketed(ctx, func() error {
		for _, pattern := range k.patterns {
			if err := k.readPatternSingly(ctx, pattern); err != nil {
				return err
			}
		}
		return nil
	})
}

func (k *kvRead) readPatternSingly(ctx context.Context, pattern string) error {
	if isExact(pattern) {
		return k.readOne(ctx, pattern, k.plainSubject())
	}
	for from := uint64(1); ; {
		m, err := k.single(ctx, k.plainSubject(), directGet{Sequence: from, NextFor: k.subject(pattern)})
		if errors.Is(err, errNoMessage) {
			return nil
		}
		if err != nil {
			return err
		}
		if m.entry.Revision < from {
			return fmt.Errorf("%w: sequence %d after %d", errReply, m.entry.Revision, from)
		}
		if err := k.add(m); err != nil {
			return err
		}
		from = m.entry.Revision + 1
	}
}

// readBySubject is for roles that allow direct gets with the key in the subject only.
func (k *kvRead) readBySubject(ctx context.Context, refused error) error {
	for _, key := range k.patterns {
		if err := k.readOne(ctx, key, k.plainSubject()+"."+k.subject(key)); err != nil {
			return err
		}
	}
	k.denied = append(k.denied, Denial{Subject: k.plainSubject(), Err: refused})
	return nil
}

// readOne reads one exact key: by a request body, or for a subject that names it by an empty one.
func (k *kvRead) readOne(ctx context.Context, key, subject string) error {
	var body directGet
	if subject == k.plainSubject() {
		body.LastFor = k.subject(key)
	}
	m, err := k.single(ctx, subject, body)
	if errors.Is(err, errNoMessage) {
		return nil
	}
	if err != nil {
		return err
	}
	return k.add(m)
}

func (k *kvRead) plainSubject() string { return "$JS.API.DIRECT.GET.KV_" + k.bucket }

func (k *kvRead) subject(pattern string) string { return kvSubjectPrefix + k.bucket + "." + pattern }
