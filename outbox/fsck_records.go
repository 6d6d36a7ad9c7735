package outbox

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"time"
)

// fingerprint stands for a name or message ID, which can be long.
type fingerprint [16]byte

func fingerprintOf(kind, s string) fingerprint {
	sum := sha256.Sum256([]byte(kind + s))
	return fingerprint(sum[:16])
}

// holders are the first files, in the order of checkRecords, that hold a name or
// a message ID.
type holders map[fingerprint]holder

type holder struct {
	file string
	id   fingerprint // of the message ID; zero: it has none
}

func newHolder(file string, r Record) holder {
	if r.MsgID == "" {
		return holder{file: file}
	}
	return holder{file: file, id: fingerprintOf("id ", r.MsgID)}
}

// apart tells whether two records are different messages whatever their names
// are. A request that was refused at first and has a result later leaves two of
// one name, and so do two hosts whose folders were put together; the broker
// keeps both.
func (h holder) apart(other holder) bool {
	none := fingerprint{}
	return h.id != none && other.id != none && h.id != other.id
}

// checkRecords reads every record: pending ones first, the oldest first, so that
// of several with one name the first is the one to keep.
func (c *fsck) checkRecords(ctx context.Context, progress func(done, total int)) error {
	slices.SortFunc(c.records, func(a, b Entry) int {
		if a.Stuck != b.Stuck {
			return map[bool]int{true: 1, false: -1}[a.Stuck]
		}
		return inOrder(a, b)
	})
	seen := holders{}
	for i, e := range c.records {
		if err := ctx.Err(); err != nil {
			return err
		}
		c.checkRecord(e, seen)
		if progress != nil {
			progress(i+1, len(c.records))
		}
	}
	return nil
}

func (c *fsck) checkRecord(e Entry, seen holders) {
	content, err := c.r.load(e)
	if errors.Is(err, fs.ErrNotExist) {
		return // delivered, or moved
	}
	if err != nil {
		c.add(Finding{Kind: FoundUnreadable, File: e.File, What: rootCause(err).Error() + " (nothing is known of its content)"})
		return
	}
	defer content.f.Close()
	if content.unreadable != nil {
		c.damaged(e, content)
		return
	}
	record := content.record
	other, same := seen.enter(e.File, record)
	switch {
	case other != "" && c.duplicate(e, other, same):
		return // it goes
	case other == "" && !e.Stuck && !fits(e, record):
		c.misnamed(e, record)
	}
	if e.Stuck {
		c.stuck(e, "")
	}
}

// enter notes a record and returns the file that holds its message ID already, or
// its name and is not certainly another message.
func (h holders) enter(file string, r Record) (other, same string) {
	self := newHolder(file, r)
	for _, key := range []struct{ kind, value, same string }{
		{"name ", r.Name, "record name"}, {"id ", r.MsgID, "message ID"},
	} {
		if key.value == "" {
			continue
		}
		print := fingerprintOf(key.kind, key.value)
		first, taken := h[print]
		if !taken {
			h[print] = self
		} else if other == "" && !self.apart(first) {
			other, same = first.file, key.same
		}
	}
	return other, same
}

// damaged judges a file that is no record.
func (c *fsck) damaged(e Entry, content *content) {
	kind, what := FoundUnparsable, "no record: "+content.unreadable.Error()
	if torn(content) {
		kind, what = FoundTorn, "torn: "+content.unreadable.Error()
		if content.info.Size() == 0 {
			what = "empty, as a power cut leaves what was not synced"
		}
	}
	if e.Stuck {
		c.stuck(e, what)
		return
	}
	c.add(Finding{
		Kind: kind, File: e.File, What: what, step: stepAside,
		Repair: "move it to " + stuckFolder + "/ with this reason, as an agent does itself",
		Keeps:  "the file is kept as it is",
		fix: func() error {
			return c.r.setAside(e, Reason{When: time.Now().UTC(), Kind: ReasonUnreadable, Why: content.unreadable.Error()})
		},
	})
}

func torn(c *content) bool {
	_, err := copyJSON(io.Discard, whole(c.f, c.info), 0)
	return c.info.Size() == 0 || errors.Is(err, errTorn)
}

// stuck reports a record in quarantine; damage is what is wrong with its
// content.
func (c *fsck) stuck(e Entry, damage string) {
	what := "in quarantine; an agent tries it at its start and once a day; "
	why, err := c.r.Reason(e)
	switch {
	case err != nil:
		what += "its reason cannot be read"
	case why == nil:
		what += "there is no reason beside it"
	default:
		what += fmt.Sprintf("%s, attempts: %d, last %s: %s",
			why.Kind, why.Attempts, why.When.UTC().Format(time.RFC3339), why.Why)
	}
	if damage != "" && (why == nil || why.Kind != ReasonUnreadable) {
		what += "; " + damage
	}
	c.add(Finding{Kind: FoundStuck, File: e.File, What: what})
}

// duplicate judges a record whose message ID or name another file holds. It
// tells whether the file is to be removed.
func (c *fsck) duplicate(e Entry, other, same string) (removed bool) {
	f := Finding{Kind: FoundDuplicate, File: e.File, Other: other, step: stepDuplicate}
	equal, err := c.r.equal(e.File, other)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false // one of them has been delivered
	case err != nil:
		f.What = fmt.Sprintf("has the %s of %q; they cannot be compared: %v", same, other, rootCause(err))
	case equal:
		f.What = fmt.Sprintf("has the %s of %q, and is the same byte for byte", same, other)
		f.Repair = "sync the other one and remove this copy"
		f.Keeps = "the other one stays"
		f.fix = func() error { return c.r.removeCopy(e.File, other) }
	case e.Stuck:
		f.What = fmt.Sprintf("has the %s of %q and other content; both are kept", same, other)
	default:
		f.What = fmt.Sprintf("has the %s of %q and other content; the broker may take it for a repetition", same, other)
		f.Repair = "move it to " + stuckFolder + "/, so that it goes later than the other one"
		f.Keeps = "both files are kept"
		why := fmt.Sprintf("has the %s of %q and other content", same, other)
		f.fix = func() error {
			return c.r.setAside(e, Reason{When: time.Now().UTC(), Kind: ReasonDuplicate, Why: why})
		}
	}
	c.add(f)
	return equal
}

// fits tells whether a Put of the record's name would find the file, or one of
// its message ID would: an agent uses either.
func fits(e Entry, r Record) bool {
	for _, name := range []string{r.Name, r.MsgID} {
		if name != "" && (e.Name == name || e.File == hashedFile(name)) {
			return true
		}
	}
	return false
}

func (c *fsck) misnamed(e Entry, r Record) {
	to := c.r.properFile(r.Name)
	f := Finding{
		Kind: FoundMisnamed, File: e.File, step: stepName,
		What: fmt.Sprintf("holds the record %q, which is looked for under another file name", r.Name),
	}
	if to != "" {
		f.Repair = fmt.Sprintf("rename it to %q", to)
		f.Keeps = "the rename replaces nothing"
		f.fix = func() error { return c.r.move(e.File, to) }
	}
	c.add(f)
}

// properFile is the file for the record of a name, if nothing holds it.
func (r *Reader) properFile(name string) string {
	for _, file := range []string{name + fileSuffix, hashedFile(name)} {
		if file == name+fileSuffix && !safe(name) {
			continue
		}
		if _, err := r.box.opt.fs.Stat(r.box.path(file)); errors.Is(err, fs.ErrNotExist) {
			return file
		}
	}
	return ""
}
