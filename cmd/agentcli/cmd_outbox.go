package agentcli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kanade-go/kanade/agent"
	"github.com/kanade-go/kanade/outbox"
)

// outboxOptions are what every verb of outbox takes.
type outboxOptions struct {
	flags  flagValues
	box    string
	asJSON bool
}

func (t tree) outboxCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "outbox",
		Short: "Look into the outboxes of a stopped or running agent",
		Long: `Looks into the folders where results, started events, observations and
inventory wait for the broker. It needs no broker and takes no lock: all but
fsck --repair work beside a running agent. The state folder is found as run finds
it: --data-dir, KANADE_AGENT_DATA_DIR, the configuration file, the default.

What is in quarantine (stuck) is never deleted by an agent; it tries it again at
its start and once a day.`,
		Example: t.examples("outbox ls", "outbox ls --stuck --json", "outbox show req-17", "outbox fsck"),
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	verbs := []*cobra.Command{
		t.outboxListCommand(), t.outboxShowCommand(), t.outboxRequeueCommand(), t.outboxExportCommand(), t.outboxFsckCommand(),
	}
	for _, verb := range verbs {
		verb.SilenceUsage, verb.SilenceErrors = true, true
		if verb.Args == nil {
			verb.Args = noArguments
		}
	}
	cmd.SuggestionsMinimumDistance = 2
	cmd.AddCommand(verbs...)
	return cmd
}

func (o *outboxOptions) addFlags(cmd *cobra.Command, jsonHelp string) {
	cmd.Flags().SortFlags = false
	o.flags = flagValues{}
	shared := runOptions{flags: o.flags}
	shared.addFlag(cmd, setting{flag: configFlag, env: configEnv, help: "configuration `file` of the agent"})
	shared.addFlag(cmd, dataDirSetting())
	cmd.Flags().StringVar(&o.box, "box", "", "only this `box`: results, events, obs or inventory")
	cmd.Flags().BoolVar(&o.asJSON, "json", false, jsonHelp)
}

// openedBox is an outbox whose folder is there.
type openedBox struct {
	Name string
	*outbox.Reader
}

// opened is what a verb works on.
type opened struct {
	tree     tree
	stateDir string
	boxes    []openedBox
	missing  []string // names of boxes that no agent has made yet
}

func (t tree) openBoxes(o outboxOptions) (*opened, error) {
	dir, from, err := t.stateDir(o.flags)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("no state folder at %s (%s); name the right one with --data-dir or --config", dir, from)
	} else if err != nil {
		return nil, withAccessHint(err, dir)
	}
	found := &opened{tree: t, stateDir: dir}
	known := agent.Boxes(dir)
	for _, box := range known {
		if o.box == "" || o.box == box.Name {
			if err := found.open(box); err != nil {
				return nil, err
			}
		}
	}
	switch {
	case len(found.boxes) == 0 && len(found.missing) == 0:
		return nil, &exitError{code: ExitUsage, err: fmt.Errorf("there is no box %s; there are %s", quoted(o.box), boxNames(known))}
	case len(found.missing) == len(known):
		return nil, fmt.Errorf("no outboxes in %s (%s): no agent has used it; name the right one with --data-dir or --config", dir, from)
	}
	return found, nil
}

func boxNames(boxes []agent.Box) string {
	var names []string
	for _, box := range boxes {
		names = append(names, box.Name)
	}
	return strings.Join(names, ", ")
}

func (o *opened) open(box agent.Box) error {
	reader, err := box.Inspect()
	if errors.Is(err, fs.ErrNotExist) {
		o.missing = append(o.missing, box.Name)
		return nil
	}
	if err != nil {
		return withAccessHint(err, box.Dir)
	}
	o.boxes = append(o.boxes, openedBox{box.Name, reader})
	return nil
}

// match is a record with the box it is in.
type match struct {
	box   openedBox
	entry outbox.Entry
}

func (m match) String() string { return m.box.Name + ": " + visible(m.entry.File) }

// find returns the records of a name in all boxes, of which there must be one at
// least.
func (o *opened) find(name string) ([]match, error) {
	var found []match
	for _, box := range o.boxes {
		entries, err := box.Find(name)
		if err != nil {
			return nil, withAccessHint(err, box.Dir())
		}
		for _, e := range entries {
			found = append(found, match{box, e})
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("no record %s in the outboxes of %s; it may have been delivered", visible(shortened(name, mostQuoted)), o.stateDir)
	}
	return found, nil
}

// only returns the one record that is meant.
func only(name string, found []match) (match, error) {
	if len(found) == 1 {
		return found[0], nil
	}
	exact := slices.DeleteFunc(slices.Clone(found), func(m match) bool { return m.entry.File != name })
	if len(exact) == 1 {
		return exact[0], nil
	}
	var all []string
	for _, m := range found {
		all = append(all, m.String())
	}
	return match{}, fmt.Errorf("%s is more than one record (%s); use --box, or the file's name", visible(shortened(name, mostQuoted)), strings.Join(all, ", "))
}
