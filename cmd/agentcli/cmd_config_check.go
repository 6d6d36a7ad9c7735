package agentcli

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

func (t tree) configCheckCommand() *cobra.Command {
	opts := runOptions{flags: flagValues{}}
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Say everything that is wrong with the configuration",
		Long: `Reads the configuration as run does and says every problem at once, each on a line
that begins with file:line:column: what is broken or of the wrong type, settings
that make no sense, files that are not there, keys that nobody reads, keys that
are deprecated. Of broken TOML it is the first place in each file. It takes the
flags of run, to check those too.

With --json: one object with the keys valid, config (the file), files (it, and
those that it includes), problems (severity: error or warning; file, line, column,
text).

Exit codes: 0 the agent would start with it (there may be warnings), 1 it would not.`,
		Example: t.examples("config check", "config check --config ./agent.toml", "config check --json"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return safely(cmd.OutOrStdout(), func(out io.Writer) error { return t.configCheck(out, opts.flags, asJSON) })
		},
	}
	opts.addFlags(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "as one JSON object")
	return cmd
}

// checkAnswer is the answer of config check as JSON.
type checkAnswer struct {
	Valid    bool           `json:"valid"`
	Config   string         `json:"config,omitempty"`
	Files    []string       `json:"files"`
	Problems []checkProblem `json:"problems"`
}

type checkProblem struct {
	Severity string `json:"severity"` // error, warning
	File     string `json:"file,omitempty"`
	Line     int    `json:"line,omitempty"`
	Column   int    `json:"column,omitempty"`
	Text     string `json:"text"`
}

func (t tree) configCheck(out io.Writer, flags flagValues, asJSON bool) error {
	found, wrong := t.checked(flags)
	answer := checkAnswer{Valid: len(wrong) == 0, Config: found.path, Files: append([]string{}, found.files...), Problems: []checkProblem{}}
	all := append(slices.Clone(wrong), found.warnings...).ordered(found.files...)
	for _, p := range all {
		severity := "error"
		if p.Warning {
			severity = "warning"
		}
		answer.Problems = append(answer.Problems, checkProblem{Severity: severity, File: p.File, Line: p.Line, Column: p.Column, Text: p.Text})
	}
	if err := answer.print(out, all, asJSON); err != nil {
		return err
	}
	if !answer.Valid {
		return &exitError{code: ExitError} // the answer was printed
	}
	return nil
}

// checked is loadAll with everything that can be told without starting: what the
// agent itself and the updater would refuse, and files that are not there.
func (t tree) checked(flags flagValues) (loaded, problems) {
	out, wrong := loadAll(flags, t.around)
	said := wrong.Error()
	for _, err := range separated(out.config.Validate()) {
		p := problem{File: out.path, Text: plain(err), cause: err}
		if !strings.Contains(said, p.Text) {
			wrong = append(wrong, p)
		}
	}
	if err := out.checkDataDir(t.around.dirs.data); err != nil {
		wrong = append(wrong, out.problem(dataDirKey, err))
	}
	if _, err := updaterOf(out.config.Update, t.around.dirs, t.brand); err != nil {
		wrong = append(wrong, out.problem("update.keys", err))
	}
	for _, s := range updateSettings {
		if !t.brand.SelfUpdate && out.origins[s.key] != "" {
			p := out.problem(s.key, fmt.Errorf("%s has no effect: %s does not replace itself", s.key, t.brand.Use))
			p.Warning = true
			out.warnings = append(out.warnings, p)
		}
	}
	for _, s := range allSettings() {
		if p, missing := missingFile(s, out); missing {
			out.warnings = append(out.warnings, p)
		}
	}
	return out, wrong
}

// problem is an error about a setting, at its place if the file gave it.
func (l loaded) problem(key string, err error) problem {
	p := problem{Text: plain(err)}
	if l.file != nil {
		if at := l.file.origin(key); at != "" && strings.HasPrefix(l.origins[key], at) {
			p = l.file.problem(key, plain(err))
		}
	}
	p.cause = err
	return p
}

// namesFile are the settings that name a file which must be there to connect. It
// is waited for, so that it is missing is a warning.
var namesFile = []string{"tls.ca", "tls.cert", "tls.key", "agent.token_file", "agent.password_file", "agent.nkey_file", "agent.creds_file"}

func missingFile(s setting, out loaded) (problem, bool) {
	if !slices.Contains(namesFile, s.key) {
		return problem{}, false
	}
	path := s.show(out.config)
	if path == "" {
		return problem{}, false
	}
	err := readable(path)
	if err == nil {
		return problem{}, false
	}
	text := s.key + ": " + oneLine(err) + " (from " + out.origins[s.name()] + "); the agent waits for it before each attempt to connect"
	return problem{Warning: true, Text: text}, true
}

func readable(path string) error {
	if err := regular(path); err != nil {
		return err
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return f.Close()
}

func (a checkAnswer) print(out io.Writer, all problems, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(out).Encode(a)
	}
	errors := 0
	for i, p := range all {
		severity := a.Problems[i].Severity
		if severity == "error" {
			errors++
		}
		bare := p
		bare.Text = severity + ": " + p.Text
		if _, err := fmt.Fprintln(out, visible(bare.Error())); err != nil {
			return err
		}
	}
	name := a.Config
	if name == "" {
		name = "the configuration"
	}
	_, err := fmt.Fprintf(out, "%s: %s, %s\n", visible(name), counted(errors, "error"), counted(len(all)-errors, "warning"))
	return err
}
