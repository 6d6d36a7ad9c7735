package schedule

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kanade-go/kanade/agent/internal/statefile"
	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/outbox/atomicfile"
)

const (
	// maxCompletions is the largest file of completions that is read: the IDs of as many
	// schedules as a bucket may hold and of those that are gone, each byte escaped.
	maxCompletions = statefile.MaxBytes
	// keepGone is how long it is remembered what a schedule did that is gone: it
	// may come back with the backup of a bucket.
	keepGone = 90 * 24 * time.Hour
	// maxGone is of how many such schedules, and maxGoneBytes how long all their keys are.
	maxGone      = 10_000
	maxGoneBytes = 2 << 20
)

// completions is when each job was last done for a schedule, in the reference
// release's file form.
type completions struct {
	fs   atomicfile.FS
	path string

	saving         sync.Mutex
	mu             sync.Mutex
	last           map[string]time.Time
	read           bool // the file was
	version, saved uint64
}

// errUnread keeps what is on disk from being replaced by less.
var errUnread = errors.New("schedule: write completions: the file could not be read yet")

// separator stands between schedule and job.
const separator = "::"

func completionKey(scheduleID, jobID string) string { return scheduleID + separator + jobID }

// load reads the file. A missing one is empty; so is one that is damaged, which is
// set aside, and an entry of it that cannot be read: the warning says so. An error
// says that nothing is known yet.
func (c *completions) load() (warning, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	data, err := statefile.Read(c.fs, c.path, maxCompletions)
	found := map[string]time.Time{}
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case errors.Is(err, statefile.ErrTooLarge):
		found, warning = nil, fmt.Errorf("file %w: it %w", statefile.ErrDamaged, err)
	case err != nil:
		return nil, fmt.Errorf("schedule: read completions: %w", err)
	default:
		found, warning = decodeCompletions(data)
		statefile.Settle(c.fs, c.path)
	}
	if found == nil {
		found, warning = map[string]time.Time{}, errors.Join(warning, statefile.SetAside(c.fs, c.path, statefile.BrokenSuffix))
	}
	if warning != nil {
		warning = fmt.Errorf("schedule: completions: %w; jobs may be done once more", warning)
	}
	// What this run did already counts.
	maps.Copy(found, c.last)
	c.last, c.read = found, true
	return warning, nil
}

// decodeCompletions returns nil for what is no object.
func decodeCompletions(data []byte) (map[string]time.Time, error) {
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(data, &raw); err != nil || raw == nil {
		return nil, fmt.Errorf("file %w: %w", statefile.ErrDamaged, errors.Join(err, errors.New("expected an object")))
	}
	found := make(map[string]time.Time, len(raw))
	var bad []string
	for key, value := range raw {
		var text string
		at, err := time.Time{}, json.Unmarshal(value, &text)
		if err == nil {
			at, err = wire.ParseTimestamp(text)
		}
		if err != nil {
			bad = append(bad, key)
			continue
		}
		found[key] = at
	}
	if len(bad) > 0 {
		return found, fmt.Errorf("%d entries have no readable time, %.80q is one", len(bad), slices.Min(bad))
	}
	return found, nil
}

// encode writes the object with two blanks of indent, by key.
func encodeCompletions(last map[string]time.Time) ([]byte, error) {
	texts := make(map[string]string, len(last))
	for key, at := range last {
		texts[key] = wire.FormatTimestamp(at)
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(texts); err != nil {
		return nil, fmt.Errorf("schedule: encode completions: %w", err)
	}
	return bytes.TrimRight(out.Bytes(), "\n"), nil
}

func (c *completions) get(key string) (time.Time, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	at, ok := c.last[key]
	return at, ok
}

func (c *completions) set(key string, at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.last == nil {
		c.last = map[string]time.Time{}
	}
	c.last[key] = at.UTC().Round(0)
	c.version++
}

func (c *completions) unsaved() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.version != c.saved
}

// save replaces the file durably if there is something new.
func (c *completions) save() error {
	c.saving.Lock()
	defer c.saving.Unlock()
	c.mu.Lock()
	version, clean, read := c.version, c.version == c.saved, c.read
	last := maps.Clone(c.last)
	c.mu.Unlock()
	switch {
	case clean:
		return nil
	case !read:
		return errUnread
	}
	data, err := encodeCompletions(last)
	if err != nil {
		return err
	}
	if err := atomicfile.WriteFile(c.fs, c.path, data, 0o600); err != nil {
		return fmt.Errorf("schedule: write completions: %w", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.saved = version
	return nil
}

// isOf reports whether a key is of one of these schedules. IDs may hold the
// separator.
func isOf(ids map[string]bool, key string) bool {
	for at := 0; ; {
		next := strings.Index(key[at:], separator)
		if next < 0 {
			return false
		}
		if at += next; ids[key[:at]] {
			return true
		}
		at++
	}
}

// prune forgets what schedules did that are long gone: all but these.
func (c *completions) prune(now time.Time, ids map[string]bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var gone []string
	for key, at := range c.last {
		if isOf(ids, key) {
			continue
		}
		if now.Sub(at) > keepGone {
			delete(c.last, key)
			c.version++
			continue
		}
		gone = append(gone, key)
	}
	slices.SortFunc(gone, func(a, b string) int { return c.last[b].Compare(c.last[a]) })
	size := 0
	for n, key := range gone {
		if size += len(key); n >= maxGone || size > maxGoneBytes {
			delete(c.last, key)
			c.version++
		}
	}
}
