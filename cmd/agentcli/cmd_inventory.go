package agentcli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kanade-go/kanade/agent"
	"github.com/kanade-go/kanade/inventory"
	"github.com/kanade-go/kanade/inventory/facts"
)

// collectVerb is what this program runs itself with: a source that hangs then
// belongs to a process that can be killed.
const collectVerb = "collect-inventory"

func (t tree) inventoryCommand() *cobra.Command {
	var asJSON bool
	var sections []string
	cmd := &cobra.Command{
		Use:   "inventory",
		Short: "Show what this host is: system, hardware, disks, network, programs, services, accounts",
		Long: fmt.Sprintf(`Looks at this host as the agent does, and shows what it found: nothing is sent,
and no agent need run. What only root or an administrator may read is missing for
others; what could not be found out is listed at the end.

Sections: %s.

With --json: one object with a key for each section that was found, and hostname,
collected_at and problems. Sizes are bytes, times RFC 3339 in UTC.

Exit codes: 0 every section was found, 5 one is missing, or a part of it that
should be there, 2 there is no section of a name.`, strings.Join(facts.Sections(), ", ")),
		Example: t.examples("inventory", "inventory --section sw --json", "inventory --section os,net"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			sections, err := knownSections(sections)
			if err != nil {
				return usageError(cmd, err)
			}
			waiting := newPatience(cmd.ErrOrStderr(), "looking at this host")
			host, err := t.collect(cmd.Context(), collectorLine(cmd), sections)
			waiting.end()
			return showInventory(cmd.OutOrStdout(), host, err, asJSON)
		},
	}
	cmd.Flags().SortFlags = false
	cmd.Flags().StringArrayVar(&sections, "section", nil, "only this `section`; may be repeated, or several with commas between them")
	cmd.Flags().BoolVar(&asJSON, "json", false, "as one JSON object")
	err := cmd.RegisterFlagCompletionFunc("section", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return facts.Sections(), cobra.ShellCompDirectiveNoFileComp
	})
	if err != nil {
		panic(err) // the flag is three lines above
	}
	return cmd
}

// collectCommand is the child of the collector.
func (t tree) collectCommand() *cobra.Command {
	return &cobra.Command{
		Use:   collectVerb,
		Short: "Collect the inventory for the process that started this one",
		Long: `Looks at this host and writes a line of JSON for each section. The agent and the
verb inventory start it, so that a source that hangs can be killed; people want the
verb inventory.`,
		Example: t.examples(collectVerb),
		Hidden:  true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return inventory.Serve(cmd.Context(), cmd.OutOrStdout())
		},
	}
}

// collectorLine is the command line that leads to collectVerb beside a verb, also
// when the tree hangs under a root of another program.
func collectorLine(cmd *cobra.Command) []string {
	program, err := os.Executable()
	if err != nil {
		program = os.Args[0]
	}
	top := cmd
	for top.HasParent() && !offers(top, collectVerb) {
		top = top.Parent()
	}
	path := strings.Fields(top.CommandPath())
	return slices.Concat([]string{program}, path[1:], []string{collectVerb})
}

func offers(cmd *cobra.Command, verb string) bool {
	return slices.ContainsFunc(cmd.Commands(), func(c *cobra.Command) bool { return c.Name() == verb })
}

// inventoryOptions have the agent publish what it finds.
func inventoryOptions(line []string) []agent.Option {
	if len(line) == 0 {
		return nil
	}
	return []agent.Option{agent.WithInventory(inventory.NewIsolated(line...))}
}

// collectIsolated looks at this host in a child.
func collectIsolated(ctx context.Context, line, sections []string) (facts.Host, error) {
	return inventory.NewIsolated(line...).Only(sections...).Collect(ctx)
}

// knownSections takes lists of names apart.
func knownSections(lists []string) (names []string, err error) {
	for _, list := range lists {
		for name := range strings.SplitSeq(list, ",") {
			name = strings.TrimSpace(name)
			if !slices.Contains(facts.Sections(), name) {
				return nil, fmt.Errorf("there is no section %.80q; there are %s", name, strings.Join(facts.Sections(), ", "))
			}
			names = append(names, name)
		}
	}
	return names, nil
}

// showInventory prints what was found, and tells by its error that something is
// missing.
func showInventory(out io.Writer, host facts.Host, missing error, asJSON bool) error {
	err := safely(out, func(safe io.Writer) error {
		if asJSON {
			return json.NewEncoder(safe).Encode(host)
		}
		return inventoryPage{}.print(safe, host)
	})
	if err != nil || missing == nil {
		return err
	}
	return &exitError{code: ExitFindings, err: errors.New("not everything was found: " + oneLine(missing))}
}
