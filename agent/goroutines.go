package agent

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/kanade-go/kanade/agent/internal/statedir"
	"github.com/kanade-go/kanade/agent/internal/supervise"
	"github.com/kanade-go/kanade/outbox/atomicfile"
)

// Who may write into the state folder asks with a file, and the agent answers with
// another. A signal would not do: one that an older agent does not know ends it, and a
// process ID may be somebody else's by the time it is used.
const (
	goroutinesAsked  = "goroutines.asked"
	goroutinesAnswer = "goroutines.txt"

	// goroutinesLook is how often the agent looks whether it was asked.
	goroutinesLook = 10 * time.Second
	// maxGoroutines bounds the answer, in bytes: some ten thousand goroutines.
	maxGoroutines = 8 << 20
	// maxQuestion is well above the size of a question.
	maxQuestion = 256
)

// ReadGoroutines has the running agent that owns a state folder write down what each
// of its goroutines does, and returns that: functions, files and lines, no texts. The
// agent answers within seconds, also when parts of it hang. It takes the right to
// write into the folder. Errors: [ErrNotRunning]; that of ctx, where the agent does
// not answer: it hangs as a whole, or is of a release that does not know the question;
// [io/fs.ErrPermission].
func ReadGoroutines(ctx context.Context, stateDir string) ([]byte, error) {
	held, err := statedir.Held(stateDir)
	if err == nil && !held {
		err = fmt.Errorf("%w: nobody has the state folder %s", ErrNotRunning, stateDir)
	}
	if err != nil {
		return nil, fmt.Errorf("agent: read goroutines: %w", err)
	}
	question := make([]byte, 16)
	_, _ = rand.Read(question) // it never fails
	first := []byte(hex.EncodeToString(question) + "\n")
	asked, answer := filepath.Join(stateDir, goroutinesAsked), filepath.Join(stateDir, goroutinesAnswer)
	defer func() { _, _ = os.Remove(asked), os.Remove(answer) }() // the agent removes what stays
	if err := ask(asked, first); err != nil {
		return nil, fmt.Errorf("agent: read goroutines: %w", err)
	}
	for {
		text, err := readShared(answer, maxGoroutines+maxQuestion)
		if text, is := bytes.CutPrefix(text, first); err == nil && is {
			return text, nil
		}
		if !supervise.Sleep(ctx, 50*time.Millisecond) {
			return nil, fmt.Errorf("agent: read goroutines: the agent does not answer: %w", ctx.Err())
		}
	}
}

// ask puts the question there as a whole. The agent may be another user than who
// asks, and only the folder keeps others out.
func ask(path string, question []byte) error {
	temp := path + atomicfile.TempSuffix
	if err := writeNew(temp, question); err != nil {
		return err
	}
	return errors.Join(os.Chmod(temp, 0o644), replace(temp, path))
}

// goroutinesTask answers such questions.
func (a *Agent) goroutinesTask(p *parts) supervise.Task {
	dir, log := p.dir.Path("."), a.log.With("component", "diagnostics")
	return supervise.Task{Name: "goroutines", Run: func(ctx context.Context) error {
		answer := filepath.Join(dir, goroutinesAnswer)
		if err := os.Remove(answer); err != nil && !errors.Is(err, fs.ErrNotExist) {
			log.Debug("an old answer was not removed", "error", err)
		}
		for supervise.Sleep(ctx, p.beat.Until(goroutinesLook)) {
			answerGoroutines(dir, log)
		}
		return nil
	}}
}

func answerGoroutines(dir string, log *slog.Logger) {
	asked := filepath.Join(dir, goroutinesAsked)
	question, err := readShared(asked, maxQuestion+1)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	err = errors.Join(err, os.Remove(asked))
	if len(question) > maxQuestion {
		err = errors.Join(err, errors.New("the question is too long"))
	}
	if err == nil {
		answer := filepath.Join(dir, goroutinesAnswer)
		temp := answer + atomicfile.TempSuffix
		err = errors.Join(writeNew(temp, append(question, stacks()...)), replace(temp, answer))
	}
	if err != nil {
		log.Warn("what the goroutines do was asked for and not written", "error", err)
		return
	}
	log.Info("what the goroutines do was asked for and written")
}

// stacks stops the program for some milliseconds.
func stacks() []byte {
	text := make([]byte, 64<<10)
	for {
		n := runtime.Stack(text, true)
		if n < len(text) || len(text) >= maxGoroutines {
			return text[:n]
		}
		text = make([]byte, min(2*len(text), maxGoroutines))
	}
}
