package agentcli

import (
	"slices"

	"github.com/spf13/cobra"
)

// helpCommand is for the root of the program: below another root that one's is used.
func (t tree) helpCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "help [verb]...",
		Short: "Show the help of the program, or of a verb",
		Long:  `Shows what --help behind a verb shows. An unknown verb is an error, exit code 2.`,
		Args:  cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			topic, err := topicOf(cmd.Root(), args)
			if err != nil {
				return err
			}
			topic.InitDefaultHelpFlag()
			return topic.Help()
		},
		Example:           t.examples("help", "help outbox fsck"),
		ValidArgsFunction: completeTopics,
		SilenceUsage:      true, SilenceErrors: true,
	}
}

func topicOf(topic *cobra.Command, args []string) (*cobra.Command, error) {
	for _, name := range args {
		verbs := topic.Commands()
		i := slices.IndexFunc(verbs, func(c *cobra.Command) bool { return c.Name() == name || c.HasAlias(name) })
		if i < 0 {
			return nil, unknownVerb(topic, name)
		}
		topic = verbs[i]
	}
	return topic, nil
}

func completeTopics(cmd *cobra.Command, args []string, _ string) (names []cobra.Completion, how cobra.ShellCompDirective) {
	how = cobra.ShellCompDirectiveNoFileComp
	topic, err := topicOf(cmd.Root(), args)
	if err != nil {
		return nil, how
	}
	for _, below := range topic.Commands() {
		if below.IsAvailableCommand() {
			names = append(names, cobra.CompletionWithDesc(below.Name(), below.Short))
		}
	}
	return names, how
}
