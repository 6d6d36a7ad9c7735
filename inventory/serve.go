package inventory

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/kanade-go/kanade/inventory/facts"
)

// What the parent tells the child, by its environment: the arguments belong to
// whoever calls Serve.
const (
	envTimeout  = "KANADE_INVENTORY_TIMEOUT"  // after this the child ends itself
	envMemory   = "KANADE_INVENTORY_MEMORY"   // bytes that it may use
	envSections = "KANADE_INVENTORY_SECTIONS" // names with commas between them
)

// exitLate is the exit code of a child that outlived its timeout, with its parent
// gone.
const exitLate = 3

// Serve is the whole work of the child of an [Isolated]: it collects, writes one
// line a section to w as soon as it is there, and returns. Call it in the
// program that the child runs and end the process afterwards; it may change
// limits of the process. opts are those of [NewLocal].
func Serve(ctx context.Context, w io.Writer, opts ...Option) error {
	if d, err := time.ParseDuration(os.Getenv(envTimeout)); err == nil {
		last := time.AfterFunc(d, func() { os.Exit(exitLate) })
		defer last.Stop()
	}
	if n, err := strconv.ParseInt(os.Getenv(envMemory), 10, 64); err == nil {
		if err := limitMemory(n); err != nil {
			return fmt.Errorf("inventory: limit memory: %w", err)
		}
	}
	if sections := os.Getenv(envSections); sections != "" {
		opts = append(opts, WithSections(strings.Split(sections, ",")...))
	}
	for f := range NewLocal(opts...).each(ctx) {
		if err := f.write(w); err != nil {
			return fmt.Errorf("inventory: write section %s: %w", f.Name, err)
		}
	}
	return nil
}

func (f finding) write(w io.Writer) (err error) {
	if f.section != nil {
		if f.Data, err = json.Marshal(f.section); err != nil {
			f.Data, f.err = nil, err
		}
	}
	if f.err != nil {
		f.Failed = f.err.Error()
	}
	line, err := json.Marshal(f)
	if err != nil {
		return err
	}
	_, err = w.Write(append(line, '\n'))
	return err
}

// readFindings reads what Serve wrote, up to an end that may be in the middle of
// a line.
func readFindings(r *bufio.Reader, found func(finding)) error {
	for {
		line, err := r.ReadBytes('\n')
		switch {
		case err == io.EOF && len(line) == 0:
			return nil
		case err == io.EOF:
			return io.ErrUnexpectedEOF
		case err != nil:
			return err
		}
		var f finding
		if err := f.read(line); err != nil {
			return err
		}
		found(f)
	}
}

func (f *finding) read(line []byte) error {
	if err := json.Unmarshal(line, f); err != nil {
		return err
	}
	if f.Failed != "" {
		f.err = &reported{f.Failed}
	}
	if f.Data == nil {
		return nil
	}
	f.section = facts.New(f.Name)
	if f.section == nil {
		f.section = f.Data // of a program's own collector
		return nil
	}
	return json.Unmarshal(f.Data, f.section)
}

// reported is an error that was one in another process.
type reported struct{ text string }

func (r *reported) Error() string { return r.text }
