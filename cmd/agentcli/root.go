package agentcli

import (
	"context"
	"iter"
	"os"
	"slices"

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
	return newTree(b, opts).command()
}

func newTree(b Brand, opts []agent.Option) tree {
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
	}
}

// Main runs the program with the process's arguments and returns its exit
// code. An error goes to standard error, on one line, and with --json, where
// nothing else was said, to standard output as an object too.
func Main(b Brand, opts ...agent.Option) int {
	args := os.Args[1:]
	return execute(newTree(b, opts).commandFor(args), args, os.Stdout, os.Stderr)
}

// subcommand is a command below the root, not made yet.
type subcommand struct {
	name string
	make func() *cobra.Command
}

func (t tree) subcommands() []subcommand {
	return []subcommand{
		{"run", t.runCommand},
		{"version", t.versionCommand},
		{"install", t.installCommand},
		{"uninstall", t.uninstallCommand},
		{"start", t.startCommand},
		{"stop", t.stopCommand},
		{"restart", t.restartCommand},
		{"status", t.statusCommand},
		{"outbox", t.outboxCommand},
		{"config", t.configCommand},
		{"doctor", t.doctorCommand},
		{"inventory", t.inventoryCommand},
		{"collect-inventory", t.collectCommand},
		{"release", t.releaseCommand},
		{"selftest", t.selfTestCommand},
		{"diag", t.diagCommand},
	}
}

func (t tree) command() *cobra.Command {
	root := t.rootCommand()
	for _, c := range t.subcommands() {
		root.AddCommand(c.make())
	}
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

// commandFor is command, or as much of it as a command line needs that begins with
// a verb: the whole is a tenth of what passes until an agent answers.
func (t tree) commandFor(args []string) *cobra.Command {
	all := t.subcommands()
	i := slices.IndexFunc(all, func(c subcommand) bool { return len(args) > 0 && c.name == args[0] })
	if i < 0 {
		return t.command()
	}
	root := &cobra.Command{Use: t.brand.Use, Short: t.brand.Description}
	root.CompletionOptions.DisableDefaultCmd = true // the whole tree has one
	root.SetFlagErrorFunc(flagError)
	root.AddCommand(all[i].make())
	for _, cmd := range append(root.Commands(), root) {
		t.tame(cmd)
	}
	root.SetHelpCommand(t.helpCommand())
	return root
}

func (t tree) rootCommand() *cobra.Command {
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
