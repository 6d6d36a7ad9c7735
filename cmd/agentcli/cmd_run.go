package agentcli

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/kanade-go/kanade/agent"
)

// runOptions are what the verb run was given.
type runOptions struct {
	flags  flagValues
	output io.Writer // where the log goes
	verbs  []string  // that lead to run in a bigger program, without the program
	// collector is the command line that collects the inventory.
	collector []string
}

func (t tree) runCommand() *cobra.Command {
	opts := runOptions{flags: flagValues{}}
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Run the agent until it is stopped",
		Long: `Runs the agent in the foreground. As a service it is started the same way.

SIGINT or SIGTERM stop it in phases: no new commands, then running scripts get
their grace, then results are delivered; 20 seconds in all. A second signal
ends it at once.

A data folder that is plainly something else's is refused: one that is neither new
nor empty, has never been an agent's, and is not the usual one.

log.level of the file is read again when the file changes, within 30 seconds, and
on Unix at once on SIGHUP (not at a terminal). A file that cannot be read leaves
the level as it is. All other settings count at the next start.`,
		Example: t.examples("run --config /etc/kanade/agent.toml", "run --nats-url nats://127.0.0.1:4222 --log-level debug"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			opts.output, opts.collector = cmd.OutOrStdout(), collectorLine(cmd)
			opts.verbs = verbsAbove(cmd)
			return t.run(cmd.Context(), opts)
		},
	}
	opts.addFlags(cmd)
	return cmd
}

func (o runOptions) addFlags(cmd *cobra.Command) {
	cmd.Flags().SortFlags = false
	o.addFlag(cmd, setting{flag: configFlag, env: configEnv, help: "configuration `file`"})
	for _, list := range [][]setting{plainSettings, {levelSetting}, credentialSettings} {
		for _, s := range list {
			if s.flag != "" {
				o.addFlag(cmd, s)
			}
		}
	}
}

func (o runOptions) addFlag(cmd *cobra.Command, s setting) {
	help := s.help
	if s.env != "" {
		help += " (env " + s.env + ")"
	}
	values := new([]string)
	cmd.Flags().Var((*texts)(values), s.flag, help)
	o.flags[s.flag] = values
}

// running is an agent with the log that it writes to.
type running struct {
	tree
	runOptions
	logs    logs
	hangups <-chan os.Signal // ask to read the log level again
	counted error            // of countStart, which a service manager has to be told of
	manager *manager         // who wants to be told how the agent is; nil: nobody
	said    sync.Once        // the farewell
}

func (t tree) run(ctx context.Context, opts runOptions) error {
	r := &running{tree: t, runOptions: opts, counted: t.countStart(), logs: silentLogs()}
	defer r.closeLogs()
	asked, stopAsking := t.hangups()
	defer stopAsking()
	r.hangups = asked
	if err := r.meetManager(); err != nil {
		return err
	}
	p := newProgram(r.build)
	p.last = func(err error) { r.farewell(err); r.closeLogs() }
	if startedByManager() {
		err := p.underManager(t.serviceConfig(""))
		if err == nil {
			r.farewell(nil)
		}
		return err
	}
	signals := make(chan os.Signal, 2)
	stopHearing := t.brand.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer stopHearing()
	err := p.atTerminal(ctx, signals, func(cause string) {
		r.logs.all.Info("stopping; a second signal ends it at once", "cause", cause)
	})
	r.farewell(err)
	return err
}

// build is the start: configuration, log, agent.
func (r *running) build() (runner, error) {
	if r.counted != nil {
		return nil, r.counted
	}
	r.around = r.around.remembering()
	found, err := load(r.flags, r.around)
	if err != nil {
		return nil, err
	}
	if err := found.checkDataDir(r.around.dirs.data); err != nil {
		return nil, err
	}
	environment := os.Environ()
	for _, name := range secretVariables {
		if err := r.unsetenv(name); err != nil {
			return nil, err
		}
	}
	found.config.Version = r.brand.Version
	r.logs = openLogs(r.output, found.config.Config, r.around.lookupEnv, takeCrashes)
	r.greet(found)
	config, opts := found.identified()
	opts = append(opts, agent.WithLogger(r.logs.all), agent.WithSharedStateDir()) // checked above
	opts = append(opts, found.config.KLP.options()...)
	updater, err := r.updaterOptions(found.config.Update, environment)
	if err != nil {
		r.farewell(err)
		return nil, err
	}
	opts = append(opts, updater...)
	opts = append(opts, inventoryOptions(r.collector)...)
	agent, err := r.newAgent(config, append(opts, r.options...)...)
	if err != nil {
		r.farewell(err)
		return nil, err
	}
	return r.telling(r.watchingLevel(r.servingMetrics(found.config.Metrics, agent), found.files, beatOf(agent)), agent), nil
}

func (r *running) watchingLevel(agent runner, files []string, until func(time.Duration) time.Duration) runner {
	watch := newLevelWatch(r.logs.level, r.logs.all, files, func() (readLevel, error) { return readLevelAgain(r.flags, r.around) })
	watch.hangups, watch.until = r.hangups, until
	return watched{runner: agent, watch: watch}
}

// beatOf has the program look after its files when its agent wakes anyway.
func beatOf(agent runner) func(time.Duration) time.Duration {
	if a, ok := agent.(interface {
		Beat(every time.Duration) time.Duration
	}); ok {
		return a.Beat
	}
	return nil
}

func (r *running) greet(found loaded) {
	for _, warning := range found.warnings {
		r.logs.all.Warn(warning.Error())
	}
	r.logs.all.Info("starting "+r.brand.Use, "version", found.config.Version, "id", found.config.ID,
		"config", found.path, "data_dir", found.config.StateDir, "log_file", found.config.LogFile)
}

// closeLogs says where it can still be seen that the end of the log is missing.
func (r *running) closeLogs() {
	if err := r.logs.close(); err != nil {
		fmt.Fprintf(os.Stderr, "%s: log: %s\n", r.brand.Use, oneLine(err))
	}
}

// farewell leaves the reason of an end in the file; at a terminal the error
// itself is shown.
func (r *running) farewell(err error) {
	r.said.Do(func() {
		if err != nil {
			r.logs.file.Error("ended", slog.Any("error", err))
			return
		}
		r.logs.all.Info("stopped")
	})
}
