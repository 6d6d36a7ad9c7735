package outbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/kanade-go/kanade/outbox/atomicfile"
)

// Put stores r. Nil means that r, or an earlier record of the same name that is
// still pending or stuck, is on disk and will survive a power cut; it will be published
// as long as somebody calls [Outbox.Drain]. The earlier record is kept as it is
// and counted in [Stats].Kept.
//
// ctx is looked at before the write begins; a write that has begun is finished.
// After an error the caller still owns the record and may Put it again. A
// record whose folder sync failed may be delivered all the same.
//
// Put may be called from any number of goroutines: those that arrive together, up to
// 128, share the waits for the disk, and further ones wait for their turn. Errors: [ErrFull], [ErrTooLarge], [ErrBadRecord],
// [ErrNameTaken], [ErrClosed], ctx's, and those of the file system.
func (o *Outbox) Put(ctx context.Context, r Record) error {
	if err := o.put(ctx, withDefaults(r)); err != nil {
		return fmt.Errorf("outbox: put %.80q: %w", r.Name, err)
	}
	return nil
}

func withDefaults(r Record) Record {
	if r.Name == "" {
		r.Name = randomID()
	}
	if r.MsgID == "" {
		r.MsgID = randomID()
	}
	if r.Queued.IsZero() {
		r.Queued = time.Now()
	}
	return r
}

func (o *Outbox) put(ctx context.Context, r Record) error {
	if err := errors.Join(ctx.Err(), checkName(r.Name)); err != nil {
		return err
	}
	if r.Subject != "" {
		if err := checkMessage(r); err != nil {
			return err
		}
	}
	if err := o.enter(); err != nil {
		return err
	}
	defer o.leave()
	c, err := o.index.claim(ctx, r.Name)
	if err != nil {
		return err
	}
	defer o.index.unclaim(r.Name, c)
	return o.putClaimed(c, r)
}

func (o *Outbox) putClaimed(c *claim, r Record) error {
	file, pending, err := o.place(r.Name)
	if err != nil {
		return err
	}
	if pending {
		o.count.kept.Add(1)
		return nil
	}
	if err := o.write(c, file, r); err != nil {
		if errors.Is(err, ErrFull) {
			o.count.rejected.Add(1)
		}
		return err
	}
	o.count.put.Add(1)
	o.relaxed()
	o.signal()
	return nil
}

// write makes the file durable and only then known to Drain.
func (o *Outbox) write(c *claim, file string, r Record) error {
	p := putRoom{o: o, r: r}
	defer p.end()
	if err := p.begin(); err != nil {
		return err
	}
	o.group.enter()
	defer o.group.leave()
	o.index.landing(c, file)
	encode := func(w io.Writer) error { return o.opt.codec.Encode(p.into(w), r) }
	info, err := o.commit(file, encode)
	if err != nil {
		o.index.landing(c, "")
		return err
	}
	o.index.landed(c, newEntry(info, file))
	return nil
}

// commit writes the file together with others that are written at the same time.
func (o *Outbox) commit(file string, encode func(io.Writer) error) (fs.FileInfo, error) {
	staged, err := atomicfile.Stage(o.opt.fs, o.path(file), 0o600, encode)
	if err != nil {
		return nil, err
	}
	info, err := o.group.commit(staged)
	if err != nil && info != nil {
		// The name may be durable or not, and asking again would not
		// tell. Without the file the caller's next Put starts afresh.
		err = errors.Join(err, o.opt.fs.Remove(o.path(file)))
	}
	return info, err
}

// place finds the file for the record of a name, or finds that one is pending.
func (o *Outbox) place(name string) (file string, pending bool, err error) {
	plain, hashed := name+fileSuffix, hashedFile(name)
	mine := []string{plain, hashed, stuckFolder + "/" + plain, stuckFolder + "/" + hashed}
	if hashedName(name) {
		mine = []string{hashed, stuckFolder + "/" + hashed} // plain would be the file of another name
	}
	for _, listed := range []bool{false, true} {
		for _, file := range mine {
			pending, err := o.vouch(file)
			if pending || err != nil {
				return "", pending, err
			}
		}
		file, stranger, err := o.free(name, plain, hashed)
		if err != nil {
			return "", false, err
		}
		if file != "" && (listed || !stranger) {
			return file, false, nil
		}
		// Somebody has put a file there that is not in the index: look at
		// the folder and think again.
		if err := o.list(noRecord); err != nil {
			return "", false, err
		}
	}
	return "", false, ErrNameTaken
}

// free returns the first of the record's file names that nothing holds, or
// nothing. stranger: plain is held by what the index does not know.
func (o *Outbox) free(name, plain, hashed string) (file string, stranger bool, err error) {
	if safe(name) && !o.index.shadowed(plain) {
		_, err := o.opt.fs.Stat(o.path(plain))
		if errors.Is(err, fs.ErrNotExist) {
			return plain, false, nil
		}
		if err != nil {
			return "", false, err
		}
		stranger = !o.index.standing(plain).known
	}
	_, err = o.opt.fs.Stat(o.path(hashed))
	if errors.Is(err, fs.ErrNotExist) {
		return hashed, stranger, nil
	}
	return "", stranger, err
}

// vouch tells whether file is a pending record that is safe on disk. One that
// this process has not written is read and synced first: the reference release
// does not sync, so that a power cut can leave an empty file behind.
func (o *Outbox) vouch(file string) (bool, error) {
	s := o.index.standing(file)
	if !s.known {
		return false, nil
	}
	if s.synced {
		_, err := o.opt.fs.Stat(o.path(file))
		return stillThere(s, err)
	}
	if err := o.verify(file, s.size); err != nil {
		if errors.As(err, new(*undecodable)) {
			return false, nil
		}
		return stillThere(s, err)
	}
	if err := o.syncFile(file); err != nil {
		return stillThere(s, err)
	}
	o.index.setSynced(file)
	return true, nil
}

// stillThere is the answer for a file that was just looked at: one that is gone
// while it was being delivered counts as pending, for it has been delivered.
func stillThere(s standing, err error) (bool, error) {
	if errors.Is(err, fs.ErrNotExist) {
		return s.taken, nil
	}
	return err == nil, err
}

func (o *Outbox) syncFile(file string) error {
	// Windows flushes only what is open for writing.
	f, err := o.opt.fs.OpenFile(o.path(file), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	if inQuarantine(file) {
		if err := o.opt.fs.SyncDir(o.path(stuckFolder)); err != nil {
			return err
		}
	}
	return o.group.commitFolder()
}
