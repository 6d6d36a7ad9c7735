package outbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/kanade-go/kanade/outbox/atomicfile"
	"github.com/kanade-go/kanade/retry/jitter"
)

const (
	stuckFolder = "stuck"
	// reasonSuffix takes the place of fileSuffix.
	reasonSuffix = ".reason"
	reasonTemp   = reasonSuffix + atomicfile.TempSuffix
	// maxReason bounds what is read of a reason file.
	maxReason = 64 << 10
)

// Reason says why a record is in quarantine. It is the content of the .reason
// file beside it, as a JSON object with the keys "when", "kind", "why" and
// "attempts".
type Reason struct {
	When time.Time  `json:"when"` // of the latest attempt that failed
	Kind ReasonKind `json:"kind"`
	Why  string     `json:"why"` // the error, for people
	// Attempts is how often its delivery was tried in vain, in all.
	Attempts int `json:"attempts"`
}

// ReasonKind says what brought a record into quarantine.
type ReasonKind string

// The kinds of [Reason].
const (
	ReasonUnreadable ReasonKind = "unreadable" // the file could not be decoded
	ReasonRefused    ReasonKind = "refused"    // refused for good
	ReasonRepeated   ReasonKind = "repeated"   // refused again and again while others passed
)

func reasonFile(file string) string { return strings.TrimSuffix(file, fileSuffix) + reasonSuffix }

// setAside moves a taken entry into quarantine, or back into it, and gives the
// entry back. When even that fails, the entry waits like any that failed.
func (o *Outbox) setAside(e *entry, why Reason) {
	next := time.Now().Add(stuckEvery - stuckJitter + jitter.N(2*stuckJitter))
	from := e.file
	why.Attempts = int(e.tries)
	err := o.moveAside(e, why, next)
	if err != nil {
		wait := o.opt.backoff.Jittered(int(e.tries))
		o.opt.log.Warn("record cannot be set aside", "file", from, "kind", why.Kind, "why", why.Why, "wait", wait, "error", err)
		o.index.postpone(e, time.Now().Add(wait))
		return
	}
	o.opt.log.Warn("record set aside", "file", from, "to", e.file, "kind", why.Kind, "why", why.Why, "attempts", why.Attempts)
}

func (o *Outbox) moveAside(e *entry, why Reason, next time.Time) error {
	o.moving.Lock()
	defer o.moving.Unlock()
	if e.stuck() {
		return o.keepAside(e, why, next)
	}
	if err := atomicfile.MkdirAll(o.opt.fs, o.path(stuckFolder), 0o700); err != nil {
		return err
	}
	target, err := o.freeStuck(e.name())
	if err != nil {
		return err
	}
	if err := o.writeReason(target, why); err != nil {
		return err
	}
	if err := o.moveDurably(e.file, target); err != nil {
		return errors.Join(err, o.opt.fs.Remove(o.path(reasonFile(target))))
	}
	o.count.quarantined.Add(1)
	e.tries, e.refusals = 0, 0
	o.index.moved(e, target, next)
	return nil
}

// keepAside leaves a record in quarantine that was tried from there.
func (o *Outbox) keepAside(e *entry, why Reason, next time.Time) error {
	if before, err := readReason(o.opt.fs, o.path(reasonFile(e.file))); err == nil {
		why.Attempts += before.Attempts
	}
	e.tries = 0
	o.index.postpone(e, next)
	if err := o.writeReason(e.file, why); err != nil {
		o.opt.log.Warn("reason is out of date", "file", e.file, "error", err)
	}
	return nil
}

func (o *Outbox) writeReason(file string, why Reason) error {
	data, err := json.Marshal(why)
	if err != nil {
		return err
	}
	return atomicfile.WriteFile(o.opt.fs, o.path(reasonFile(file)), append(data, '\n'), 0o600)
}

// moveDurably moves between the two folders. The folder it moves to is synced
// before any sync of the other one can make the removal there final: a file
// system without a journal could lose the record otherwise. When that sync
// fails, the record moves back.
func (o *Outbox) moveDurably(from, to string) error {
	return o.group.exclusively(func() error {
		if err := atomicfile.TryRename(o.opt.fs, o.path(from), o.path(to)); err != nil {
			return err
		}
		err := o.opt.fs.SyncDir(o.path(stuckFolder))
		if err != nil && atomicfile.TryRename(o.opt.fs, o.path(to), o.path(from)) == nil {
			return err
		}
		if err != nil {
			o.opt.log.Warn("quarantine cannot be synced", "file", to, "error", err)
		}
		return nil
	})
}

// maxTwins bounds the search for a file name in quarantine.
const maxTwins = 100

// freeStuck finds a file name in quarantine that nothing holds: what is there is
// never replaced.
func (o *Outbox) freeStuck(name string) (string, error) {
	for n := 1; n <= maxTwins; n++ {
		file := stuckFolder + "/" + name + fileSuffix
		if n > 1 {
			file = fmt.Sprintf("%s/%s.%d%s", stuckFolder, name, n, fileSuffix)
		}
		_, err := o.opt.fs.Stat(o.path(file))
		if errors.Is(err, fs.ErrNotExist) {
			return file, nil
		}
		if err != nil {
			return "", err
		}
	}
	return "", fmt.Errorf("%d records of this name are in quarantine: %w", maxTwins, ErrNameTaken)
}

func readReason(fsys atomicfile.FS, name string) (Reason, error) {
	f, err := fsys.OpenFile(name, os.O_RDONLY, 0)
	if err != nil {
		return Reason{}, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxReason))
	if err != nil {
		return Reason{}, err
	}
	var r Reason
	return r, json.Unmarshal(data, &r)
}

// removeReason goes after its record; one that stays is swept at Open.
func (o *Outbox) removeReason(file string) {
	if err := atomicfile.TryRemove(o.opt.fs, o.path(reasonFile(file))); err != nil && !errors.Is(err, fs.ErrNotExist) {
		o.opt.log.Debug("reason of a delivered record stays", "file", file, "error", err)
	}
}
