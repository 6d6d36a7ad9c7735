package agentcli

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"
)

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
	effectively := t.resolved(found.config)
	answer := showAnswer{Config: found.path, Files: append([]string{}, found.files...), Settings: []shownOption{}}
	for _, s := range allSettings() {
		source := found.origins[s.name()]
		if source == "" {
			source = defaultSource
		}
		if effective || source != defaultSource {
			answer.Settings = append(answer.Settings, shownOption{s.name(), s.show(effectively), source})
		}
	}
	if asJSON {
		return json.NewEncoder(out).Encode(answer)
	}
	return answer.print(out)
}

// resolved is what the settings come to that depend on the host where nobody set them.
func (t tree) resolved(c hostConfig) hostConfig {
	c.KLP = c.KLP.placed()
	switch u, err := updaterOf(c.Update, t.around.dirs, t.brand); {
	case err != nil: // config check says it
	case u == nil:
		c.Update.Releases = updateOff
	case c.Update.Releases == "" && len(u.Keys) > 0:
		c.Update.Releases = updateSigned
	case c.Update.Releases == "":
		c.Update.Releases = updateAny
	}
	c.Update.Keys = c.Update.folder(t.around.dirs)
	return c
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
