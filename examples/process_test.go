package examples_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// patience is for things that take moments on an idle machine.
const patience = 2 * time.Minute

// binaries is the folder with the built examples.
var binaries string

func TestMain(m *testing.M) {
	os.Exit(buildAndRun(m))
}

func buildAndRun(m *testing.M) int {
	var err error
	if binaries, err = os.MkdirTemp("", "kanade-examples-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(binaries) }()
	build := exec.Command("go", "build", "-o", binaries, "./...")
	build.Env = append(os.Environ(), "GOWORK=off")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build the examples: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// process is an example at work.
type process struct {
	t              *testing.T
	cmd            *exec.Cmd
	temp           string // its folder for temporary files
	stdout, stderr output
	ended          chan struct{} // closed after Wait; err is set then
	err            error
}

// start runs an example, until the test ends at the latest.
func start(t *testing.T, name string, args ...string) *process {
	t.Helper()
	p := &process{t: t, temp: t.TempDir(), ended: make(chan struct{})}
	p.cmd = exec.Command(filepath.Join(binaries, name+exeSuffix), args...)
	p.cmd.Env = append(os.Environ(), "TMPDIR="+p.temp, "TMP="+p.temp, "TEMP="+p.temp)
	p.cmd.SysProcAttr = interruptible()
	p.stdout.changed, p.stderr.changed = make(chan struct{}), make(chan struct{})
	p.cmd.Stdout, p.cmd.Stderr = &p.stdout, &p.stderr
	p.cmd.WaitDelay = patience
	require.NoError(t, p.cmd.Start())
	go func() {
		p.err = p.cmd.Wait()
		close(p.ended)
	}()
	t.Cleanup(p.cleanup)
	return p
}

func (p *process) cleanup() {
	_ = p.cmd.Process.Kill() // it has ended already, unless the test failed
	<-p.ended
	if p.t.Failed() {
		p.t.Logf("%v\nstdout:\n%s\nstderr:\n%s", p.cmd.Args, p.stdout.String(), p.stderr.String())
	}
}

// waitFor waits until stdout matches, and returns what the first group matched.
func (p *process) waitFor(pattern string) string {
	p.t.Helper()
	return p.await(&p.stdout, pattern)
}

func (p *process) waitForLog(text string) {
	p.t.Helper()
	p.await(&p.stderr, regexp.QuoteMeta(text))
}

func (p *process) await(o *output, pattern string) string {
	p.t.Helper()
	re, deadline := regexp.MustCompile(pattern), time.After(patience)
	for {
		text, changed := o.read()
		if found := re.FindStringSubmatch(text); found != nil {
			return found[len(found)-1]
		}
		select {
		case <-changed:
		case <-p.ended:
			if text, _ := o.read(); !re.MatchString(text) {
				p.t.Fatalf("the example ended without %s", pattern)
			}
		case <-deadline:
			p.t.Fatalf("the example does not print %s", pattern)
		}
	}
}

func (p *process) interrupt() {
	p.t.Helper()
	require.NoError(p.t, interrupt(p.cmd.Process))
}

// exitCode waits for the end.
func (p *process) exitCode() int {
	p.t.Helper()
	select {
	case <-p.ended:
	case <-time.After(patience):
		p.t.Fatal("the example does not end")
	}
	if exit := (*exec.ExitError)(nil); !errors.As(p.err, &exit) {
		require.NoError(p.t, p.err)
	}
	return p.cmd.ProcessState.ExitCode()
}

func (p *process) endsWell() {
	p.t.Helper()
	require.Zero(p.t, p.exitCode())
}

// requireLines checks that the patterns match whole lines of stdout, in that
// order.
func (p *process) requireLines(patterns ...string) {
	p.t.Helper()
	lines := strings.Split(p.stdout.String(), "\n")
	for _, pattern := range patterns {
		re := regexp.MustCompile("^" + pattern)
		at := -1
		for i, line := range lines {
			if re.MatchString(strings.TrimRight(line, "\r")) {
				at = i
				break
			}
		}
		require.GreaterOrEqual(p.t, at, 0, "no line matches %s", pattern)
		lines = lines[at+1:]
	}
}

// leavesNothing checks the folder for temporary files.
func (p *process) leavesNothing() {
	p.t.Helper()
	left, err := os.ReadDir(p.temp)
	require.NoError(p.t, err)
	require.Empty(p.t, left)
}

// output collects what a process writes and tells when there is more.
type output struct {
	mu      sync.Mutex
	text    strings.Builder
	changed chan struct{}
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	close(o.changed)
	o.changed = make(chan struct{})
	return o.text.Write(b)
}

func (o *output) read() (text string, changed <-chan struct{}) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String(), o.changed
}

func (o *output) String() string {
	text, _ := o.read()
	return text
}
