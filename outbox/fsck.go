package outbox

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"
)

// FindingKind says what is wrong with a file.
type FindingKind string

// The kinds of [Finding].
const (
	FoundTorn         FindingKind = "torn"          // empty, or ends in the middle
	FoundUnparsable   FindingKind = "unparsable"    // no record of the codec
	FoundDuplicate    FindingKind = "duplicate"     // another file holds that message ID, or that name with no other ID
	FoundStuck        FindingKind = "stuck"         // in quarantine
	FoundLeftOver     FindingKind = "left-over"     // temporary file of a write that did not end
	FoundOrphanReason FindingKind = "orphan-reason" // reason without its record
	FoundBadReason    FindingKind = "bad-reason"    // reason that cannot be read
	FoundForeign      FindingKind = "foreign"       // nothing that belongs there
	FoundPermissions  FindingKind = "permissions"   // open to others, or somebody else's
	FoundMisnamed     FindingKind = "misnamed"      // the file's name is not that of its record
	FoundUnreadable   FindingKind = "unreadable"    // cannot be opened or read
)

// ReasonDuplicate is the [ReasonKind] of a record that [Reader.Repair] has set
// aside because another one has its message ID, or its name and no other ID.
const ReasonDuplicate ReasonKind = "duplicate"

// Finding is something that is not as it should be.
type Finding struct {
	Kind  FindingKind
	File  string // path in the folder, with a slash; of several files the first; ".": the folder
	Other string // the other file of a duplicate
	What  string // what is wrong
	// Repair is what [Reader.Repair] does about it, and Keeps why that loses
	// nothing. Both are empty when it does nothing.
	Repair, Keeps string
	// Repaired and Failure are how it went. Fsck leaves them empty.
	Repaired bool
	Failure  error

	step step
	fix  func() error
}

// step is the order of repairs: a name is free only when what held it is gone.
type step uint8

const (
	stepAccess step = iota
	stepAside
	stepDuplicate
	stepName
	stepRest
)

// unfinishedAfter is the age from which on a write, or a move to quarantine, is
// not taken for one under way.
const unfinishedAfter = time.Minute

// Fsck examines every file of the folder and says what is wrong with it, in the
// order of the file names. It changes nothing. progress, unless nil, is called
// after each record that has been read. A record that is delivered meanwhile is
// no finding.
func (r *Reader) Fsck(ctx context.Context, progress func(done, total int)) ([]Finding, error) {
	found, err := r.check(ctx, false, progress)
	if err != nil {
		return nil, fmt.Errorf("outbox: check %s: %w", r.Dir(), err)
	}
	return found, nil
}

// fsck is one examination.
type fsck struct {
	r     *Reader
	alone bool // the lock is held, so nothing is under way
	now   time.Time

	records  []Entry
	reasons  []string
	access   access
	findings []Finding
}

func (r *Reader) check(ctx context.Context, alone bool, progress func(done, total int)) ([]Finding, error) {
	c := &fsck{r: r, alone: alone, now: time.Now()}
	if err := c.folders(); err != nil {
		return nil, err
	}
	if err := r.walk(c.sort); err != nil {
		return nil, err
	}
	if err := c.checkRecords(ctx, progress); err != nil {
		return nil, err
	}
	for _, file := range c.reasons {
		c.checkReason(file)
	}
	c.findings = append(c.findings, c.access.findings(r)...)
	slices.SortStableFunc(c.findings, func(a, b Finding) int {
		return cmp.Or(strings.Compare(a.File, b.File), strings.Compare(string(a.Kind), string(b.Kind)))
	})
	return c.findings, nil
}

func (c *fsck) add(f Finding) { c.findings = append(c.findings, f) }

func (c *fsck) folders() error {
	info, err := c.r.box.opt.fs.Stat(c.r.Dir())
	if err != nil {
		return err
	}
	c.access.folder(".", info)
	return nil
}

// sort tells records, reasons and the rest apart.
func (c *fsck) sort(folder string, d fs.DirEntry) error {
	file := folder + d.Name()
	if file == stuckFolder && d.IsDir() || file == lockName {
		return c.noteAccess(file, d)
	}
	switch {
	case !d.Type().IsRegular():
		c.foreign(file, d.Type())
		return nil
	case strings.HasSuffix(file, fileSuffix):
		info, err := d.Info()
		if err == nil {
			c.records = append(c.records, newListed(folder, info))
		}
	case folder != "" && strings.HasSuffix(file, reasonSuffix):
		c.reasons = append(c.reasons, file)
	case folder == "" && strings.HasSuffix(file, tempSuffix), folder != "" && strings.HasSuffix(file, reasonTemp):
		c.leftOver(file, d)
	default:
		c.foreign(file, 0)
		return nil
	}
	return c.noteAccess(file, d)
}

func (c *fsck) noteAccess(file string, d fs.DirEntry) error {
	info, err := d.Info()
	switch {
	case err != nil:
		return ignoreMissing(err)
	case d.IsDir():
		c.access.folder(file, info)
	default:
		c.access.file(file, info)
	}
	return nil
}

func (c *fsck) foreign(file string, kind fs.FileMode) {
	what := "no record, and nothing else that belongs here"
	switch {
	case kind&fs.ModeSymlink != 0:
		what = "a link; links are not followed"
	case kind.IsDir():
		what = "a folder; it is not looked into"
	case kind != 0:
		what = "no regular file"
	}
	c.add(Finding{Kind: FoundForeign, File: file, What: what + "; it is left alone"})
}

// underWay tells whether a file may belong to something that has not ended yet.
func (c *fsck) underWay(info fs.FileInfo) bool {
	return !c.alone && c.now.Sub(info.ModTime()) < unfinishedAfter
}

// leftOver judges a temporary file. Its write has never been reported as done, so
// whoever wrote it still owns what is in it; only one that is whole and has no
// other copy may be of use to somebody.
func (c *fsck) leftOver(file string, d fs.DirEntry) {
	info, err := d.Info()
	if err != nil || c.underWay(info) {
		return
	}
	f := Finding{
		Kind: FoundLeftOver, File: file, step: stepRest,
		What: "temporary file of a write that did not end; an agent removes it at its start",
	}
	if strings.HasSuffix(file, tempSuffix) && c.wholeRecord(file) {
		f.What += "; it holds a whole record, so copy it away first if you want to see that"
		c.add(f)
		return
	}
	f.Repair = "remove it"
	f.Keeps = "it holds no whole record, and its write was never reported as done"
	f.fix = func() error { return c.r.remove(file) }
	c.add(f)
}

func (c *fsck) wholeRecord(file string) bool {
	name := strings.TrimSuffix(file, tempSuffix)
	content, err := c.r.load(Entry{File: file, Name: name})
	if err != nil {
		return true // who knows
	}
	_ = content.f.Close() // only read
	return content.unreadable == nil
}

func (c *fsck) checkReason(file string) {
	record := strings.TrimSuffix(file, reasonSuffix) + fileSuffix
	_, err := c.r.box.opt.fs.Stat(c.r.box.path(record))
	if errors.Is(err, fs.ErrNotExist) {
		c.orphan(file)
		return
	}
	if err != nil {
		return // the record's own finding
	}
	_, err = c.r.Reason(Entry{File: record, Stuck: true})
	if err == nil {
		return
	}
	if unreadableFile(err) {
		c.add(Finding{Kind: FoundUnreadable, File: file, What: err.Error()})
		return
	}
	c.add(Finding{
		Kind: FoundBadReason, File: file, step: stepRest,
		What:   "the reason cannot be read: " + rootCause(err).Error(),
		Repair: "write a new one that quotes the old text",
		Keeps:  "the record itself is not touched",
		fix:    func() error { return c.r.renewReason(record, file) },
	})
}

func (c *fsck) orphan(file string) {
	info, err := c.r.box.opt.fs.Stat(c.r.box.path(file))
	if err != nil || c.underWay(info) {
		return
	}
	c.add(Finding{
		Kind: FoundOrphanReason, File: file, step: stepRest,
		What:   "a reason whose record is not there any more",
		Repair: "remove it",
		Keeps:  "it is no record, and the one it spoke of has been delivered or moved",
		fix:    func() error { return c.r.remove(file) },
	})
}

// unreadableFile tells an error of the file from one of what is in it.
func unreadableFile(err error) bool { return errors.As(err, new(*fs.PathError)) }

func rootCause(err error) error {
	for inner := errors.Unwrap(err); inner != nil; inner = errors.Unwrap(inner) {
		err = inner
	}
	return err
}
