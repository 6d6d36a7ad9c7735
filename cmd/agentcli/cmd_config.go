package agentcli

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/kanade-go/kanade/agent"
)

func (t tree) configCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Check the configuration, and show what it comes to",
		Long: `Checks and shows the configuration as run would have it: flags, then variables,
then the file with all that it includes, then defaults. Neither needs a broker,
and neither changes anything.`,
		Example: t.examples("config check", "config show --effective", "config check --config ./agent.toml --json"),
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	verbs := []*cobra.Command{t.configCheckCommand(), t.configShowCommand()}
	for _, verb := range verbs {
		t.tame(verb)
	}
	cmd.SuggestionsMinimumDistance = 2
	cmd.AddCommand(verbs...)
	return cmd
}

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
	found, wrong := checked(flags, t.around)
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
// agent itself would refuse, and files that are not there.
func checked(flags flagValues, around surroundings) (loaded, problems) {
	out, wrong := loadAll(flags, around)
	said := wrong.Error()
	for _, err := range separated(out.config.Validate()) {
		p := problem{File: out.path, Text: plain(err), cause: err}
		if strings.Contains(said, p.Text) {
			continue
		}
		wrong = append(wrong, p)
	}
	for _, s := range allSettings() {
		if p, missing := missingFile(s, out); missing {
			out.warnings = append(out.warnings, p)
		}
	}
	return out, wrong
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
	f, err := os.Open(path)
	if err == nil {
		_ = f.Close() // only looked at
		return problem{}, false
	}
	text := s.key + ": " + oneLine(err) + " (from " + out.origins[s.name()] + "); the agent waits for it before each attempt to connect"
	return problem{Warning: true, Text: text}, true
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

func (t tree) configShowCommand() *cobra.Command {
	opts := runOptions{flags: flagValues{}}
	var effective, asJSON bool
	cmd := &cobra.Command{
		Use:   "show",
		Short: "Show the settings and where each comes from",
		Long: `Shows the settings of this host: those that are set anywhere, and with --effective
all of them, with their defaults. Each has its value and where that comes from: a
flag, a variable, file:line, the registry, or the default. Secrets are never shown,
neither alone nor in a URL. It takes the flags of run.

These are the settings that an agent starts with. What the backend changes while
it runs is in the answer of status.

With --json: one object with the keys config (the file), files (it, and those that
it includes) and settings: objects with name, value and source. A list is one
value, its entries separated by a comma and a blank.

Exit codes: 0 it was shown, 1 the configuration has errors (see config check).`,
		Example: t.examples("config show --effective", "config show --config ./agent.toml --json"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return safely(cmd.OutOrStdout(), func(out io.Writer) error { return t.configShow(out, opts.flags, effective, asJSON) })
		},
	}
	opts.addFlags(cmd)
	cmd.Flags().BoolVar(&effective, "effective", false, "all settings, with the defaults")
	cmd.Flags().BoolVar(&asJSON, "json", false, "as one JSON object")
	return cmd
}

// showAnswer is the answer of config show as JSON.
type showAnswer struct {
	Config   string        `json:"config,omitempty"`
	Files    []string      `json:"files"`
	Settings []shownOption `json:"settings"`
}

// defaultSource is where a value comes from that nobody has set.
const defaultSource = "default"

type shownOption struct {
	Name   string `json:"name"`
	Value  string `json:"value"`
	Source string `json:"source"`
}

func (t tree) configShow(out io.Writer, flags flagValues, effective, asJSON bool) error {
	found, err := load(flags, t.around)
	if err != nil {
		return err
	}
	answer := showAnswer{Config: found.path, Files: append([]string{}, found.files...), Settings: []shownOption{}}
	for _, s := range allSettings() {
		source := found.origins[s.name()]
		if source == "" {
			source = defaultSource
		}
		if effective || source != defaultSource {
			answer.Settings = append(answer.Settings, shownOption{s.name(), s.show(found.config), source})
		}
	}
	if klp := t.shownKLP(flags); effective || klp.Source != defaultSource {
		answer.Settings = append(answer.Settings, klp)
	}
	if asJSON {
		return json.NewEncoder(out).Encode(answer)
	}
	return answer.print(out)
}

// shownKLP is the setting that is none of agent.Config.
func (t tree) shownKLP(flags flagValues) shownOption {
	l := newLoader(flags, t.around)
	for _, p := range []place{l.fromFlags(), l.fromEnv()} {
		if values := p.value(klpSetting); len(values) > 0 {
			return shownOption{klpSetting.name(), last(values), p.origin(klpSetting)}
		}
	}
	path := klpOff
	if klpPlace() {
		path = agent.DefaultKLPPath
	}
	return shownOption{klpSetting.name(), path, defaultSource}
}

func (a showAnswer) print(out io.Writer) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "SETTING\tVALUE\tSOURCE")
	for _, s := range a.Settings {
		value := "-"
		if s.Value != "" {
			value = visible(s.Value)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\n", s.Name, value, visible(s.Source))
	}
	return table.Flush()
}
