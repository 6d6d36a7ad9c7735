package agentcli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"
)

// execute runs a command line and returns its exit code.
func execute(root *cobra.Command, args []string, stdout, stderr io.Writer) int {
	said := &sayer{out: stdout, quiet: true}
	asJSON := slices.Contains(args, "--json")
	if asJSON {
		root.SetOut(said)
	}
	root.SetArgs(args)
	err := root.ExecuteContext(context.Background())
	code := ExitCode(err)
	if err == nil || err.Error() == "" {
		return code
	}
	_, _ = fmt.Fprintf(stderr, "%s: %s\n", root.Name(), oneLine(err))
	if asJSON && said.quiet {
		text, _ := json.Marshal(failure{Error: oneLine(err), ExitCode: code}) // a text and a number
		_, _ = fmt.Fprintf(stdout, "%s\n", text)
	}
	return code
}

// failure is what a script reads of a verb that could do nothing.
type failure struct {
	Error    string `json:"error"`
	ExitCode int    `json:"exit_code"`
}

// sayer knows whether anything was said.
type sayer struct {
	out   io.Writer
	quiet bool
}

func (s *sayer) Write(p []byte) (int, error) {
	s.quiet = s.quiet && len(p) == 0
	return s.out.Write(p)
}
