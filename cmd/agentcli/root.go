package agentcli

import (
	"context"
	"iter"
	"os"

	"github.com/kardianos/service"
	"github.com/spf13/cobra"

	"github.com/kanade-go/kanade/agent"
	"github.com/kanade-go/kanade/inventory/facts"
)

// tree makes the commands. Its fields are what commands reach outside of the
// process, so that tests can put something else there.
type tree struct {
	brand      Brand
	options    []agent.Option
	around     surroundings
	unsetenv   func(string) error
	newAgent   func(agent.Config, ...agent.Option) (runner, error)
	newService func(*service.Config) (service.Service, error)
	diagnose   func(context.Context, agent.Config, ...agent.Option) iter.Seq[agent.Finding]
	collect    func(ctx context.Context, line, sections []string) (facts.Host, error)
	recovery   func(ctx context.Context, service string) (recovery, error)
	// newRegistry is where the manager of a service keeps what it knows of it.
	newRegistry func(service.Service, *service.Config) serviceRegistry
	isAdmin     func() bool
}

// NewCommand returns the whole tree, to be run as it is or to be hung under a
// root of your own. Without a verb it runs the agent. Errors are returned, not
// printed over a usage text; [ExitCode] has the code for them. opts go to the
// agent.
func NewCommand(b Brand, opts ...agent.Option) *cobra.Command {
	return tree{
		brand:    b.withDefaults(),
		options:  opts,
		around:   hostSurroundings(),
		unsetenv: os.Unsetenv,
		newAgent: func(c agent.Config, opts ...agent.Option) (runner, error) {
			return agent.New(c, opts...)
		},
		newService:  newHostService,
		diagnose:    agent.Diagnose,
		collect:     collectIsolated,
		recovery:    serviceRecovery,
		newRegistry: newRegistry,
		isAdmin:     isAdministrator,
	}.command()
}

// Main runs the program with the process's arguments and returns its exit
// code. An error goes to standard error, on one line, and with --json, where
// nothing else was said, to standard output as an object too.
func Main(b Brand, opts ...agent.Option) int {
	return execute(NewCommand(b, opts...), os.Args[1:], os.Stdout, os.Stderr)
}

func (t tree) command() *cobra.Command {
	root := t.runCommand()
	root.Use = t.brand.Use
	root.Short = t.brand.Description
	root.Long = t.rootHelp()
	root.Example = t.rootExamples()
	run := root.RunE
	version := root.Flags().Bool("version", false, "print the version and exit")
	root.RunE = func(cmd *cobra.Command, args []string) error {
		if *version {
			return t.printVersion(cmd.OutOrStdout())
		}
		return run(cmd, args)
	}
	root.SuggestionsMinimumDistance = 2
	root.SetFlagErrorFunc(flagError)
	root.AddCommand(t.runCommand(), t.versionCommand(), t.installCommand(), t.uninstallCommand(),
		t.startCommand(), t.stopCommand(), t.restartCommand(), t.statusCommand(), t.outboxCommand(),
		t.configCommand(), t.doctorCommand(), t.inventoryCommand(), t.collectCommand())
	root.AddCommand(t.releaseCommand(), t.selfTestCommand(), t.diagCommand())
	for _, cmd := range append(root.Commands(), root) {
		t.tame(cmd)
	}
	completion := t.completionCommand()
	t.tame(completion)
	completion.Args = cobra.ArbitraryArgs // it says itself what it takes
	root.AddCommand(completion)
	root.SetHelpCommand(t.helpCommand())
	return root
}

// tame has a verb return its errors, take no argument and complete none.
func (t tree) tame(cmd *cobra.Command) {
	cmd.SilenceUsage, cmd.SilenceErrors = true, true
	cmd.Args = noArguments
	if cmd.ValidArgs == nil {
		cmd.ValidArgsFunction = cobra.NoFileCompletions
	}
}
