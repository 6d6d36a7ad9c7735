package inventory

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kanade-go/kanade/inventory/facts"
)

// What a child has, unless an [Isolated] says otherwise.
const (
	// DefaultChildTimeout leaves a child time to give up what hangs, and to say so.
	DefaultChildTimeout = DefaultTimeout + 10*time.Second
	// DefaultMaxMemory is a multiple of what 100,000 programs take.
	DefaultMaxMemory = 512 << 20
	// DefaultMaxResult holds about 100,000 programs.
	DefaultMaxResult = 32 << 20
)

// lateEnd is what a child has beyond its timeout before it is killed: it ends by
// itself first.
const lateEnd = 2 * time.Second

// Isolated collects in a short-lived child process, which is killed when it does
// not end: nothing that hangs, leaks or crashes in there harms the caller. A
// section that hangs is named in the result; the others are whole. When the child
// dies, what it had not told is collected again, each section in a child of its
// own, so that the one which kills is alone with its error.
type Isolated struct {
	// Timeout, MaxMemory and MaxResult bound one child; zero is the default.
	Timeout   time.Duration
	MaxMemory int64 // bytes of private memory
	MaxResult int64 // bytes of its output

	argv     []string
	sections []string
}

// NewIsolated makes a collector whose children run argv: a program that does
// nothing but call [Serve] with its standard output.
func NewIsolated(argv ...string) *Isolated {
	return &Isolated{Timeout: DefaultChildTimeout, MaxMemory: DefaultMaxMemory, MaxResult: DefaultMaxResult, argv: argv}
}

// Only returns a collector of these sections alone.
func (i Isolated) Only(sections ...string) *Isolated {
	i.sections = sections
	return &i
}

// Collect is that of [Collector]. Its error joins a [*SectionError] for each
// section that is missing or incomplete.
func (i *Isolated) Collect(ctx context.Context) (facts.Host, error) {
	host := newHost()
	var errs []error
	var seen []string
	keep := func(f finding) {
		seen = append(seen, f.Name)
		errs = append(errs, f.into(&host))
	}
	err := i.child(ctx, i.sections, keep)
	if err == nil || ctx.Err() != nil {
		return host, errors.Join(append(errs, err)...)
	}
	for _, name := range i.expected() {
		if slices.Contains(seen, name) {
			continue
		}
		if err := i.child(ctx, []string{name}, keep); err != nil {
			keep(lost(name, err))
		}
	}
	return host, errors.Join(errs...)
}

func (i *Isolated) expected() []string {
	if len(i.sections) > 0 {
		return i.sections
	}
	return facts.Sections()
}

func lost(name string, err error) finding {
	return finding{Name: name, err: err, Problems: []facts.Problem{{Section: name, Text: err.Error()}}}
}

// child runs one child and hands on what it tells.
func (i *Isolated) child(ctx context.Context, sections []string, found func(finding)) error {
	if len(i.argv) == 0 {
		return errors.New("inventory: start collector: no command given")
	}
	ctx, cancel := context.WithTimeout(ctx, i.timeout()+lateEnd)
	defer cancel()
	cmd := exec.CommandContext(ctx, i.argv[0], i.argv[1:]...)
	cmd.Env = i.environ(sections)
	cmd.WaitDelay = lateEnd
	stderr := &head{limit: 1 << 10}
	cmd.Stderr = stderr
	hidden(cmd)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return fmt.Errorf("inventory: start collector: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("inventory: start collector: %w", err)
	}
	readErr := i.read(out, found)
	if readErr != nil {
		cancel() // it writes what nobody can read
	}
	return ended(ctx, cmd.Wait(), readErr, stderr)
}

func (i *Isolated) read(out io.Reader, found func(finding)) error {
	limited := &io.LimitedReader{R: out, N: or(i.MaxResult, DefaultMaxResult) + 1}
	err := readFindings(bufio.NewReader(limited), found)
	if limited.N <= 0 {
		return fmt.Errorf("its result is larger than %d bytes", or(i.MaxResult, DefaultMaxResult))
	}
	return err
}

// ended is why a child gave no whole result.
func ended(ctx context.Context, waitErr, readErr error, stderr *head) error {
	switch {
	case waitErr == nil && readErr == nil:
		return nil
	case readErr != nil && errors.Is(ctx.Err(), context.Canceled):
		return fmt.Errorf("inventory: read collector: %w", readErr)
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return fmt.Errorf("inventory: the collector was killed: %w", context.DeadlineExceeded)
	}
	err := errors.Join(waitErr, readErr)
	if said := strings.TrimSpace(string(stderr.data)); said != "" {
		return fmt.Errorf("inventory: the collector ended: %w; it said: %s", err, said)
	}
	return fmt.Errorf("inventory: the collector ended: %w", err)
}

func (i *Isolated) environ(sections []string) []string {
	own := []string{
		envTimeout + "=" + i.timeout().String(),
		envMemory + "=" + strconv.FormatInt(or(i.MaxMemory, DefaultMaxMemory), 10),
		envSections + "=" + strings.Join(sections, ","),
	}
	var env []string
	for _, entry := range os.Environ() {
		if !strings.HasPrefix(strings.ToUpper(entry), "KANADE_") { // secrets among them
			env = append(env, entry)
		}
	}
	return append(env, own...)
}

func (i *Isolated) timeout() time.Duration { return or(i.Timeout, DefaultChildTimeout) }

func or[T int64 | time.Duration](value, otherwise T) T {
	if value > 0 {
		return value
	}
	return otherwise
}

// head keeps the beginning of what is written: that is where a crash names its
// reason.
type head struct {
	data  []byte
	limit int
}

func (h *head) Write(p []byte) (int, error) {
	h.data = append(h.data, p[:min(len(p), h.limit-len(h.data))]...)
	return len(p), nil
}
