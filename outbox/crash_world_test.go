package outbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"testing/synctest"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/kanade-go/kanade/outbox/atomicfile"
	"github.com/kanade-go/kanade/outbox/atomicfile/faultfs"
)

const (
	crashBox   = "/state/box"
	crashStuck = crashBox + "/" + stuckFolder
)

var errBroken = errors.New("promise broken")

// world is a host whose power can fail, and the broker that it talks to.
type world struct {
	m      *faultfs.Mutant
	opts   []Option
	box    *Outbox
	onSync func() // called once, before the next sync of the box's folder
	onStep func() // called after each step on names

	mu       sync.Mutex
	promised map[string]bool // by a Put that returned nil
	tried    []string        // by any Put
	oldest   []string        // of them, what a box that drops oldest may drop
	dropped  int
	stream   map[string]string // data by name
	hooked   map[string]bool
	sends    map[string]int // of this process
	refuse   string         // the beginning of names that the broker refuses for good
	notYet   string         // the name whose hook fails
	foreign  string         // the beginning of names that others write, without syncs
	wrong    error          // something that must not happen, whatever the power does
}

func newWorld(m *faultfs.Mutant, opts ...Option) *world {
	return &world{
		m: m, refuse: "bad", foreign: "req-",
		promised: map[string]bool{}, stream: map[string]string{}, hooked: map[string]bool{}, sends: map[string]int{},
		opts: append([]Option{WithWindow(1)}, opts...),
	}
}

// SyncDir gives onSync its turn.
func (w *world) SyncDir(dir string) error {
	w.mu.Lock()
	var do func()
	if faultfs.Name(dir) == crashBox {
		do, w.onSync = w.onSync, nil
	}
	w.mu.Unlock()
	if do != nil {
		do()
	}
	return w.m.SyncDir(dir)
}

// worldFS is what the box sees of a world.
type worldFS struct {
	atomicfile.FS
	w *world
}

func (f worldFS) SyncDir(dir string) error { return f.w.SyncDir(dir) }

func (w *world) open() error {
	box, err := Open(crashBox, append(slices.Clone(w.opts), WithFS(steppedFS{worldFS{w.m, w}, w.stepped}), WithBeforeRemove(w.hook))...)
	w.box = box
	return err
}

// kill ends the process: nothing is closed in an orderly way.
func (w *world) kill() {
	if w.box != nil {
		_ = w.box.Close() // writes nothing
	}
	w.m.CloseAll()
}

func (w *world) put(names ...string) error {
	for _, name := range names {
		if err := w.putOne(name); err != nil {
			return err
		}
	}
	return nil
}

func (w *world) putOne(name string) error {
	before := w.box.Stats().Dropped
	w.oldest = slices.DeleteFunc(w.oldest, func(name string) bool { return w.hooked[name] })
	err := w.box.Put(context.Background(), record(name))
	w.mu.Lock()
	defer w.mu.Unlock()
	if !slices.Contains(w.tried, name) {
		w.tried = append(w.tried, name)
	}
	for range w.box.Stats().Dropped - before {
		delete(w.promised, w.oldest[0])
		w.oldest = w.oldest[1:]
		w.dropped++
	}
	if err == nil {
		w.promised[name] = true
		w.oldest = append(w.oldest, name)
	}
	return err
}

// together puts records whose writers share one sync of the folder: they arrive
// while another one is under way.
func (w *world) together(first string, rest ...string) error {
	errs := make([]error, len(rest))
	var writers sync.WaitGroup
	w.mu.Lock()
	w.onSync = func() {
		for i, name := range rest {
			writers.Go(func() { errs[i] = w.putOne(name) })
			synctest.Wait()
		}
	}
	w.mu.Unlock()
	err := w.putOne(first)
	writers.Wait()
	return errors.Join(append(errs, err)...)
}

// flush expects that so many records are not delivered.
func (w *world) flush(left int) error {
	_, err := w.box.Flush(context.Background(), w)
	want := fmt.Sprintf("%d records not delivered", left)
	switch {
	case left > 0 && err == nil:
		err = errors.New("want: " + want)
	case left > 0 && strings.Contains(err.Error(), want):
		err = nil
	}
	return errors.Join(err, w.wrong)
}

func nameOf(m *nats.Msg) string {
	return strings.TrimPrefix(m.Header.Get(jetstream.MsgIDHeader), "id-")
}

func (w *world) PublishMsg(_ context.Context, m *nats.Msg, _ ...jetstream.PublishOpt) (*jetstream.PubAck, error) {
	name := nameOf(m)
	if w.refuse != "" && strings.Contains(name, w.refuse) {
		return nil, apiError(10054, 400)
	}
	err := w.m.Do("publish", func() error {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.stream[name] = string(m.Data)
		w.sends[name]++
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &jetstream.PubAck{Stream: "TEST"}, nil
}

var errNotYet = errors.New("not yet")

// anyName as notYet stands for all names.
const anyName = "*"

func (w *world) hook(_ context.Context, r Record) error {
	if r.Name == w.notYet || w.notYet == anyName {
		return errNotYet
	}
	return w.m.Do("hook", func() error {
		w.mu.Lock()
		defer w.mu.Unlock()
		if _, sent := w.stream[r.Name]; !sent {
			w.wrong = fmt.Errorf("%w: the hook of %s came before the stream had it", errBroken, r.Name)
		}
		w.hooked[r.Name] = true
		return nil
	})
}

// drop puts files into the box's folder as the reference release does: whole, by
// a rename, without any sync.
func (w *world) drop(names ...string) error {
	for _, name := range names {
		file := path.Join(crashBox, name+fileSuffix)
		if err := w.leaveRecord(file+atomicfile.TempSuffix, name); err != nil {
			return err
		}
		if err := w.m.FS.Rename(file+atomicfile.TempSuffix, file); err != nil {
			return err
		}
	}
	return nil
}

// misplace copies files into quarantine, without any sync.
func (w *world) misplace(names ...string) error {
	for _, name := range names {
		if err := w.leaveRecord(path.Join(crashStuck, name+fileSuffix), name); err != nil {
			return err
		}
	}
	return nil
}

func (w *world) leaveRecord(file, name string) error {
	data, err := json.Marshal(envelope(record(name)))
	if err != nil {
		return err
	}
	return w.leave(file, data)
}

func (w *world) leave(name string, data []byte) error {
	f, err := w.m.FS.OpenFile(name, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}

// unconfirmed leaves a file as a Put that was killed before its last step.
func (w *world) unconfirmed(name string) error { return unconfirmed(w.m.FS, name) }

func unconfirmed(fsys atomicfile.FS, name string) error {
	fill := func(out io.Writer) error { return JSONEnvelope{}.Encode(out, record(name)) }
	_, err := atomicfile.Write(fsys, path.Join(crashBox, name+fileSuffix), 0o600, fill)
	return err
}

// promise is what must be true of what is found after a power cut now.
func (w *world) promise() faultfs.Promise {
	w.mu.Lock()
	defer w.mu.Unlock()
	then := &world{
		opts: w.opts, foreign: w.foreign, wrong: w.wrong, promised: maps.Clone(w.promised),
		stream: maps.Clone(w.stream), hooked: maps.Clone(w.hooked), tried: slices.Clone(w.tried),
	}
	return faultfs.Promise{
		Of: fmt.Sprint(then.promised, then.stream, then.hooked, then.wrong), Check: then.check, Restart: then.restartedOn,
	}
}

// check looks at the files first, then opens the box as after a restart and
// delivers everything.
func (w *world) check(found *faultfs.FS) error {
	if w.wrong != nil {
		return w.wrong
	}
	files, err := recordsOn(found)
	if err != nil {
		return err
	}
	if err := w.checkFiles(found, files); err != nil {
		return err
	}
	after := newWorld(faultfs.Unchanged(found), w.opts...)
	after.refuse, after.stream, after.hooked = "", maps.Clone(w.stream), maps.Clone(w.hooked)
	return w.checkDelivery(after)
}

// recordsOn maps the names of the records on a disk to their files.
func recordsOn(found *faultfs.FS) (map[string]string, error) {
	files := map[string]string{}
	for _, dir := range []string{crashBox, crashStuck} {
		list, _ := found.ReadDir(dir)
		for _, d := range list {
			if !isRecordFile(d) {
				continue
			}
			file := path.Join(dir, d.Name())
			f, err := found.OpenFile(file, os.O_RDONLY, 0)
			if err != nil {
				return nil, err
			}
			r, err := JSONEnvelope{}.Decode("", f)
			_ = f.Close()
			if err == nil {
				files[r.Name] = file
			} else if !strings.HasPrefix(d.Name(), "req-") {
				return nil, fmt.Errorf("%w: %s is no whole record: %w", errBroken, file, err)
			}
		}
	}
	return files, nil
}

func (w *world) checkFiles(found *faultfs.FS, files map[string]string) error {
	for name := range w.promised {
		if _, sent := w.stream[name]; files[name] == "" && (!sent || !w.hooked[name]) {
			return fmt.Errorf("%w: record %s is neither on disk nor delivered and agreed upon", errBroken, name)
		}
	}
	for name := range w.stream {
		if files[name] == "" && !w.hooked[name] && !strings.HasPrefix(name, w.foreign) {
			return fmt.Errorf("%w: record %s was published, its hook has not agreed, and its file is gone", errBroken, name)
		}
	}
	for name, file := range files {
		_, sent := w.stream[name]
		if !strings.Contains(file, "/"+stuckFolder+"/") || sent || strings.HasPrefix(name, w.foreign) {
			continue
		}
		if _, err := readReason(found, strings.TrimSuffix(file, fileSuffix)+reasonSuffix); err != nil {
			return fmt.Errorf("%w: %s has no reason beside it: %w", errBroken, file, err)
		}
	}
	return nil
}

func (w *world) checkDelivery(after *world) error {
	if err := after.open(); err != nil {
		return fmt.Errorf("%w: %w", errBroken, err)
	}
	defer after.box.Close()
	if err := leftOvers(after.m.FS); err != nil {
		return err
	}
	if _, err := after.box.Flush(context.Background(), after); err != nil {
		for file, e := range after.box.index.files {
			if !strings.Contains(file, w.foreign) || !e.corrupt {
				return fmt.Errorf("%w: %s is not delivered: %w", errBroken, file, err)
			}
		}
	}
	if after.wrong != nil {
		return after.wrong
	}
	for name, data := range after.stream {
		if data != string(record(name).Data) {
			return fmt.Errorf("%w: record %s has the data %q", errBroken, name, data)
		}
	}
	for name := range w.promised {
		if _, sent := after.stream[name]; !sent || !after.hooked[name] {
			return fmt.Errorf("%w: record %s is lost", errBroken, name)
		}
	}
	return nil
}

// leftOvers: nothing piles up.
func leftOvers(disk *faultfs.FS) error {
	for _, dir := range []string{crashBox, crashStuck} {
		list, _ := disk.ReadDir(dir)
		for _, d := range list {
			record := strings.TrimSuffix(d.Name(), reasonSuffix) + fileSuffix
			_, err := disk.Stat(path.Join(dir, record))
			if strings.HasSuffix(d.Name(), atomicfile.TempSuffix) || strings.HasSuffix(d.Name(), reasonSuffix) && err != nil {
				return fmt.Errorf("%w: %s is left over", errBroken, path.Join(dir, d.Name()))
			}
		}
	}
	return nil
}
