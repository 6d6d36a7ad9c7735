package agentcli

import "github.com/spf13/cobra"

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
