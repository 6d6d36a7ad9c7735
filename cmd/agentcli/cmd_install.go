package agentcli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/kardianos/service"
	"github.com/spf13/cobra"

	"github.com/kanade-go/kanade/agent"
)

type installOptions struct {
	serviceOptions
	flags   flagValues // --config, and what a new file is to say
	verbs   []string   // that lead to run in a bigger program
	program string
	startIt bool
	printed string // the manager whose definition is to be printed; empty: install
}

func (t tree) installCommand() *cobra.Command {
	opts := installOptions{flags: flagValues{}}
	cmd := &cobra.Command{
		Use:   "install",
		Short: "Install the agent as a service of this host, or bring it up to date",
		Long: `Makes this program a service that starts with the host and is started again when
it ends, whatever it ends with. It says what it did.

The service reads one configuration file: that of --config, else of
KANADE_AGENT_CONFIG, else the usual one. Where there is none it is written, from the
flags, as long as --nats-url is among them. One that is there is never changed: it
must say the same as the flags. It is checked before, closed to other users, and so
are the files with secrets that it names. Variables of this shell are not passed on.

A second install changes what differs, and restarts a service that runs only for
that: for another definition, configuration file or version of the program.

With --json: one object with the keys service, manager, config, program, changed (in
words), warnings, done (installed, updated or unchanged) and running.

Exit codes: 0 it is installed, 1 it failed, 7 only an administrator can do this.`,
		Example: t.examples("install --nats-url nats://broker.example:4222 --token-file /etc/kanade/token --start",
			"install --config /etc/kanade/agent.toml", "install --print systemd --program /usr/bin/kanade-agent"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if opts.printed != "" && opts.asJSON {
				return usageError(cmd, errors.New("--print and --json exclude each other"))
			}
			opts.verbs = append([]string{}, verbsAbove(cmd)...)
			opts.verbs = opts.verbs[:max(0, len(opts.verbs)-1)] // install itself
			return t.install(cmd.Context(), cmd.OutOrStdout(), opts)
		},
	}
	cmd.Flags().SortFlags = false
	shared := runOptions{flags: opts.flags}
	shared.addFlag(cmd, setting{flag: configFlag, help: "configuration `file` of the service (env " + configEnv + ")"})
	for _, s := range installSettings() {
		shared.addFlag(cmd, setting{flag: s.flag, help: s.help})
	}
	cmd.Flags().StringVar(&opts.program, "program", "", "`path` that the service runs; default: this program")
	cmd.Flags().BoolVar(&opts.startIt, "start", false, "start the service, if it does not run")
	cmd.Flags().StringVar(&opts.printed, "print", "", "print the definition for this `manager`, systemd or launchd, and do nothing")
	opts.addFlags(cmd, t)
	return cmd
}

// installSettings are those that a new configuration file can be given.
func installSettings() (all []setting) {
	for _, s := range allSettings() {
		switch s.flag {
		case "id", natsURLFlag, "token-file", "creds-file", "nkey-file", "tls-ca", dataDirFlag, "log-file":
			all = append(all, s)
		}
	}
	return all
}

func (t tree) install(ctx context.Context, out io.Writer, opts installOptions) error {
	program, err := programPath(opts.program)
	if err != nil {
		return fmt.Errorf("install: %w", err)
	}
	opts.program = program
	if opts.printed != "" {
		return t.printDefinition(out, opts)
	}
	t, err = t.administers("install", opts.name)
	if err != nil {
		return err
	}
	i := installation{tree: t, installOptions: opts}
	if err := i.do(ctx); err != nil {
		// What was done before stays done, and is told.
		return errors.Join(err, i.toldSoFar(out))
	}
	return i.report().print(out, opts.asJSON)
}

// programPath is absolute and without links: an update replaces what is there.
func programPath(given string) (path string, err error) {
	if given != "" {
		return filepath.Abs(given)
	}
	if path, err = os.Executable(); err == nil {
		path, err = filepath.EvalSymlinks(path)
	}
	return path, err
}

// checkProgram: a manager would try for ever to start what is not there.
func checkProgram(path string) error {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return fmt.Errorf("program: %w; --program names another", err)
	case !info.Mode().IsRegular():
		return fmt.Errorf("program: %s is no file; --program names another", path)
	}
	return nil
}

// installation is one run of the verb.
type installation struct {
	tree
	installOptions
	service  service.Service
	config   string
	found    loaded
	created  bool // the service was not there
	running  bool
	did      []change
	warnings []string
	restart  bool
}

// do goes on from what is there: after an error a second run ends the work.
func (i *installation) do(ctx context.Context) (err error) {
	if err := i.definition(i.verbs, i.program, last(append([]string{""}, i.flags.get(configFlag)...))).check(); err != nil {
		return fmt.Errorf("install: %w", err)
	}
	if err := checkProgram(i.program); err != nil {
		return fmt.Errorf("install: %w", err)
	}
	if i.service, err = i.newService(i.serviceConfig("")); err != nil {
		return i.serviceError("install", err)
	}
	for _, step := range []func() error{i.configure, i.makeFolders, i.closeSecrets} {
		if err := step(); err != nil {
			return fmt.Errorf("install: %w", err)
		}
	}
	i.judgePlaces()
	i.look(ctx)
	if err := i.register(ctx); err != nil {
		return i.serviceError("install", err)
	}
	i.judgeVersion()
	if err := i.bringUp(); err != nil {
		return i.serviceError("install", fmt.Errorf("it is installed, and cannot be started: %w", err))
	}
	return nil
}

// look is at the service before anything is changed. Managers that start scripts fail
// when they are asked for a service that is not there; then its entry is looked for.
func (i *installation) look(ctx context.Context) {
	status, err := i.service.Status()
	i.running = status == service.StatusRunning
	if err != nil && !errors.Is(err, service.ErrNotInstalled) {
		_, err = i.newRegistry(i.service, i.serviceConfig("")).CommandLine(ctx)
	}
	i.created = errors.Is(err, service.ErrNotInstalled)
}

func (i *installation) register(ctx context.Context) error {
	d := i.definition(i.verbs, i.program, i.config)
	d.StateDir, d.LogFile = i.found.config.StateDir, i.found.config.LogFile
	c := i.serviceConfig(i.config)
	c.Arguments, c.Executable = d.Arguments, d.Program
	s, err := i.newService(c) // managers without a registry of their own take it from there
	if err != nil {
		return err
	}
	changed, err := i.newRegistry(s, c).Register(ctx, d)
	i.did = append(i.did, changed...)
	return err
}

// judgeVersion: the program at its path was replaced while it ran.
func (i *installation) judgeVersion() {
	s, err := agent.ReadStatus(i.found.config.StateDir)
	if i.running && err == nil && s.Version != i.brand.Version && i.brand.Version != "" {
		i.did = append(i.did, major("version %s runs, and this is %s", s.Version, i.brand.Version))
	}
}

func (i *installation) bringUp() error {
	for _, c := range i.did {
		i.restart = i.restart || c.Restart
	}
	i.restart = i.restart && i.running
	switch {
	case i.restart:
		return i.service.Restart()
	case i.startIt && !i.running:
		i.running = true
		return i.service.Start()
	}
	return nil
}

func (i *installation) report() serviceReport {
	r := serviceReport{
		Service: i.brand.ServiceName, Manager: i.service.Platform(), Config: i.config, Program: i.program,
		Warnings: i.warnings, Running: i.running, Done: "unchanged",
	}
	for _, c := range i.did {
		r.Changed = append(r.Changed, c.Text)
	}
	switch {
	case i.created:
		r.Done = "installed"
	case len(i.did) > 0:
		r.Done = "updated"
	}
	switch {
	case i.restart:
		r.next = " and restarted"
	case i.running && i.startIt:
		r.next = "; it runs"
	case !i.running:
		r.next = "; start it with: " + i.brand.Use + " start"
	}
	return r
}

// toldSoFar prints what was changed before something failed.
func (i *installation) toldSoFar(out io.Writer) error {
	if i.asJSON {
		return nil
	}
	for _, c := range i.did {
		if _, err := fmt.Fprintln(out, c.Text); err != nil {
			return err
		}
	}
	return nil
}

// printDefinition is for packages, and for whoever wants to look first.
func (t tree) printDefinition(out io.Writer, opts installOptions) error {
	t, err := t.named(opts.name)
	if err != nil {
		return fmt.Errorf("install: %w", err)
	}
	config := filepath.Join(t.around.dirs.config, configName)
	if given := opts.flags.get(configFlag); len(given) > 0 {
		config = last(given)
	}
	d := t.definition(opts.verbs, opts.program, config)
	d.StateDir, d.LogFile = t.around.dirs.data, filepath.Join(t.around.dirs.logs, logName)
	if err := d.check(); err != nil {
		return fmt.Errorf("install: %w", err)
	}
	switch opts.printed {
	case "systemd":
		_, err = io.WriteString(out, unitOf(d, systemdAssumed))
	case "launchd":
		_, err = io.WriteString(out, plistOf(d))
	default:
		err = &exitError{code: ExitUsage, err: fmt.Errorf("--print %q is neither systemd nor launchd", opts.printed)}
	}
	return err
}
