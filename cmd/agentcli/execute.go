package agentcli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
)

// execute runs a command line and returns its exit code.
func execute(root *cobra.Command, args []string, stdout, stderr io.Writer) int {
	asJSON := wantsJSON(args)
	said := &sayer{out: stdout, quiet: true}
	if asJSON {
		safe := safeOutput(stdout)
		defer func() { _ = safe.Close() }() // every write has told
		said.out = safe
		root.SetOut(said)
	}
	root.SetArgs(args)
	err := root.ExecuteContext(context.Background())
	code := ExitCode(err)
	if err == nil || err.Error() == "" {
		return code
	}
	_, _ = fmt.Fprintf(stderr, "%s: %s\n", root.Name(), printable(oneLine(err)))
	if _, cut := errors.AsType[*brokenOff](err); asJSON && (said.quiet || cut) {
		said.sayLast(failed(err))
	}
	return code
}

// wantsJSON: also of a command line that cannot be read any further.
func wantsJSON(args []string) bool {
	return slices.ContainsFunc(args, func(arg string) bool {
		value, found := strings.CutPrefix(arg, "--json=")
		is, err := strconv.ParseBool(value)
		return arg == "--json" || found && err == nil && is
	})
}

// failure is what a script reads of a verb that could do nothing, or not all.
type failure struct {
	Error    string `json:"error,omitempty"`
	ExitCode int    `json:"exit_code,omitempty"`
}

func failed(err error) failure {
	if err == nil {
		return failure{}
	}
	return failure{Error: oneLine(err), ExitCode: ExitCode(err)}
}

// brokenOff is the error of a verb that answers in lines and had to end before the
// last one: the failure is a line too.
type brokenOff struct{ error }

func (b *brokenOff) Unwrap() error { return b.error }

// inLines marks the error of a verb whose answer is lines of JSON.
func inLines(err error) error {
	if err == nil {
		return nil
	}
	return &brokenOff{err}
}

// sayer knows whether anything was said, and whether in the middle of a line.
type sayer struct {
	out    io.Writer
	quiet  bool
	midway bool
}

func (s *sayer) Write(p []byte) (int, error) {
	n, err := s.out.Write(p)
	if n > 0 {
		s.quiet, s.midway = false, p[n-1] != '\n'
	}
	return n, err
}

// sayLast is for a reader of lines, also after one that was cut.
func (s *sayer) sayLast(f failure) {
	text, _ := json.Marshal(f) // a text and a number
	if s.midway {
		text = append([]byte{'\n'}, text...)
	}
	_, _ = s.Write(append(text, '\n')) // nobody is left to be told
}
