package agent

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"time"

	"github.com/kanade-go/kanade/agent/internal/supervise"
	"github.com/kanade-go/kanade/outbox/atomicfile"
)

const (
	// statusPace is the shortest time between two looks at the agent.
	statusPace = 2 * time.Second
	// statusBeat is the longest between two writes.
	statusBeat = time.Minute
)

// statusWriter keeps the status file up to date. Nothing in it must survive a
// power cut, so nothing is synced.
type statusWriter struct {
	path   string
	status func() Status
	beat   supervise.Beat
	// news returns channels that speak when the agent may have changed since the
	// call.
	news func() []<-chan struct{}
	log  *slog.Logger

	last    []byte    // as it is in the file, but for its time
	written time.Time // or tried, by the monotonic clock
	fails   int       // in a row
}

func (a *Agent) statusTask(p *parts) supervise.Task {
	w := &statusWriter{
		path: p.dir.Path(StatusFile), status: a.Status, beat: p.beat, log: a.log.With("component", "status"),
		news: func() []<-chan struct{} {
			_, link := p.transport.State()
			return []<-chan struct{}{link, p.report.board.Changed(), p.report.running.changed, a.unlessReady(), p.settings.StatusChanged()}
		},
	}
	return supervise.Task{Name: "status file", Run: w.run}
}

// unlessReady is closed when the agent becomes ready; nil: it is.
func (a *Agent) unlessReady() <-chan struct{} {
	if isClosed(a.ready) {
		return nil
	}
	return a.ready
}

// run writes until ctx ends, and then removes the file. After news it looks until
// a look finds nothing new, and at least twice: who tells first may be ahead of
// what Status says.
func (w *statusWriter) run(ctx context.Context) error {
	defer w.remove()
	due := true
	for looks := 2; ; {
		news, began := w.news(), time.Now()
		if w.look(due) {
			looks = max(looks, 2)
		}
		due = false
		if looks--; looks == 0 {
			told, ended := w.await(ctx, news)
			if ended {
				return nil
			}
			if due, looks = !told, 1; due {
				continue
			}
			looks = 2
		}
		if !supervise.Sleep(ctx, statusPace-time.Since(began)) {
			return nil
		}
	}
}

// await waits for news or for the next write that is due without any.
func (w *statusWriter) await(ctx context.Context, news []<-chan struct{}) (told, ended bool) {
	due := time.NewTimer(w.beat.Until(statusBeat))
	defer due.Stop()
	select {
	case <-ctx.Done():
		return false, true
	case <-due.C:
		return false, false
	case <-news[0]:
	case <-news[1]:
	case <-news[2]:
	case <-news[3]:
	case <-news[4]:
	}
	return true, false
}

// look writes the status if it is new or if that is due, and says whether it is new.
func (w *statusWriter) look(due bool) (fresh bool) {
	s := w.status()
	if !s.Running {
		return false // the end is near
	}
	at := s.At
	s.At = time.Time{}
	bare, err := json.Marshal(s)
	if err != nil {
		return w.failed(err)
	}
	fresh = !bytes.Equal(bare, w.last)
	if !fresh && !due && time.Since(w.written) < statusBeat {
		return false
	}
	s.At = at
	if err := writeStatusFile(w.path, s); err != nil {
		return w.failed(err)
	}
	if w.fails > 0 {
		w.fails = 0
		w.log.Info("the status file can be written again")
	}
	w.last, w.written = bare, time.Now()
	return fresh
}

// failed tells once: only who looks from outside misses anything. It says whether
// the next attempt should come soon.
func (w *statusWriter) failed(err error) (soon bool) {
	level := slog.LevelDebug
	if w.fails == 0 {
		level = slog.LevelWarn
	}
	w.fails++
	w.last, w.written = nil, time.Now()
	w.log.Log(context.Background(), level, "the status file is not written; from outside nobody sees how this agent is", "file", w.path, "error", err)
	return w.fails < 3
}

func (w *statusWriter) remove() {
	if err := removeStatusFile(w.path); err != nil {
		w.log.Warn("the status file is not removed", "error", err)
	}
}

// forgetLastStatus removes what an agent that was killed has left: it would pass
// for ours until our first.
func (a *Agent) forgetLastStatus(p *parts) {
	if err := removeStatusFile(p.dir.Path(StatusFile)); err != nil {
		a.log.Warn("the status file of the last run is not removed", "error", err)
	}
}

func removeStatusFile(path string) error {
	var errs []error
	for _, name := range []string{path, path + atomicfile.TempSuffix} {
		if err := atomicfile.TryRemove(atomicfile.OS, name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// writeStatusFile puts the file in place as a whole. A reader has the old one or
// the new one.
func writeStatusFile(path string, s Status) error {
	data, err := json.Marshal(statusFile{Format: statusFormat, Status: s})
	if err != nil {
		return err
	}
	temp := path + atomicfile.TempSuffix
	if err := writeNew(temp, append(data, '\n')); err != nil {
		return err
	}
	return replace(temp, path)
}

// writeNew never writes through what already has the name.
func writeNew(name string, data []byte) error {
	if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}
