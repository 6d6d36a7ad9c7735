package update

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/kanade-go/kanade/agent/internal/supervise"
)

// Report is what a release says of itself, as JSON on its standard output.
type Report struct {
	Name      string `json:"name"`
	Version   string `json:"version"`
	OS        string `json:"os"`
	Arch      string `json:"arch"`
	Connected bool   `json:"connected"` // to the broker, as the agent would be
	Settings  bool   `json:"settings"`  // could be read there
}

const (
	// maxReport bounds what is taken of its output.
	maxReport = 64 << 10
	// busyTries: a script that is started at the same moment inherits the file that
	// was just written, and for as long it cannot be executed (ETXTBSY).
	busyTries = 50
	busyPause = 100 * time.Millisecond
)

// RunSelfTest starts an executable with these arguments and environment and reads its
// report, which it may have given also where there is an error: one that cannot
// connect says so. It is killed when ctx ends, and what it has started when it ends.
func RunSelfTest(ctx context.Context, executable string, args, env []string) (Report, error) {
	for try := 1; ; try++ {
		report, err := runSelfTest(ctx, executable, args, env)
		if !errors.Is(err, syscall.ETXTBSY) || try == busyTries || !supervise.Sleep(ctx, busyPause) {
			return report, err
		}
	}
}

func runSelfTest(ctx context.Context, executable string, args, env []string) (Report, error) {
	var out, errs limited
	cmd := exec.CommandContext(ctx, executable, args...)
	cmd.Env, cmd.Stdout, cmd.Stderr = env, &out, &errs
	cmd.WaitDelay = time.Second
	endChildren, err := startWithChildren(cmd)
	if err == nil {
		err = cmd.Wait()
		endChildren()
	}
	var r Report
	unreadable := json.Unmarshal(out.kept.Bytes(), &r)
	switch {
	case ctx.Err() != nil:
		return r, fmt.Errorf("it was stopped: %w", ctx.Err())
	case err != nil:
		return r, fmt.Errorf("it failed: %w: %.300q", err, strings.TrimSpace(errs.kept.String()))
	case unreadable != nil:
		return Report{}, fmt.Errorf("its report cannot be read: %w", unreadable)
	}
	return r, nil
}

// limited takes all and keeps the beginning. (An embedded buffer would be read into
// past the limit, since io.Copy looks for ReadFrom.)
type limited struct{ kept bytes.Buffer }

var _ io.Writer = (*limited)(nil)

func (l *limited) Write(p []byte) (int, error) {
	if left := maxReport - l.kept.Len(); left > 0 {
		l.kept.Write(p[:min(left, len(p))])
	}
	return len(p), nil
}
