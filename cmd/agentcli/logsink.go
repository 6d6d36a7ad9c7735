package agentcli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime/debug"
	"time"
)

const (
	// promptWait is how long an error waits until it is written, so that the last
	// words of a program that is about to end are there.
	promptWait = 250 * time.Millisecond
	// closeWait is how long the end waits for what is left. It is outside of
	// [stopBudget], which is rarely used up.
	closeWait = 2 * time.Second
)

// sink is one place that lines go to, through a queue.
type sink struct {
	handler slog.Handler
	queue   *lineQueue
	closer  io.Closer     // behind the queue; nil: nothing is closed
	done    chan struct{} // closed when the queue's run has returned
}

// openSink starts the queue; close ends it.
func openSink(out io.Writer, level slog.Leveler, as form) *sink {
	queue := newLineQueue(out, func(there, all uint64) []byte {
		var text bytes.Buffer
		slog.New(as(&text, slog.LevelWarn)).Warn("log lines are missing here: they could not be written in time", "lines", there, "since_start", all)
		return text.Bytes()
	})
	s := &sink{handler: as(queue, level), queue: queue, done: make(chan struct{})}
	go func() {
		defer close(s.done)
		queue.run()
	}()
	return s
}

// close waits for what is left, but not longer than that. A writer that hangs
// keeps its goroutine and its file until the process ends.
func (s *sink) close(wait time.Duration) error {
	s.queue.end()
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-s.done:
	case <-timer.C:
		_, waiting := s.queue.lost()
		return fmt.Errorf("%d log lines were not written within %v", waiting, wait.Round(time.Millisecond))
	}
	if s.closer == nil {
		return nil
	}
	return s.closer.Close()
}

// prompt is a handler that has errors written before it goes on: at once where
// the disk answers, and after a moment where it does not.
type prompt struct {
	slog.Handler
	sinks []*sink
}

func (p prompt) Handle(ctx context.Context, r slog.Record) error {
	err := p.Handler.Handle(ctx, r)
	if r.Level >= slog.LevelError {
		for _, s := range p.sinks {
			s.queue.flush(promptWait)
		}
	}
	return err
}

func (p prompt) WithAttrs(attrs []slog.Attr) slog.Handler {
	return prompt{Handler: p.Handler.WithAttrs(attrs), sinks: p.sinks}
}

func (p prompt) WithGroup(name string) slog.Handler {
	return prompt{Handler: p.Handler.WithGroup(name), sinks: p.sinks}
}

// DroppedLines is how many lines could not be written since the start, to all
// places together. The agent's status asks for it.
func (p prompt) DroppedLines() (lines uint64) {
	for _, s := range p.sinks {
		dropped, _ := s.queue.lost()
		lines += dropped
	}
	return lines
}

// takeCrashes has the runtime write there too what it says of a crash: nobody reads the
// standard error of a service. Nil: nowhere else.
func takeCrashes(file *os.File) {
	_ = debug.SetCrashOutput(file, debug.CrashOptions{}) // it goes to standard error in any case
}

func (p prompt) close() error {
	var errs []error
	until := time.Now().Add(closeWait)
	for _, s := range p.sinks {
		errs = append(errs, s.close(max(promptWait, time.Until(until))))
	}
	return errors.Join(errs...)
}
