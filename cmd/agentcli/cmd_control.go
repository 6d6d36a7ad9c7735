package agentcli

import (
	"errors"
	"io"

	"github.com/kardianos/service"
	"github.com/spf13/cobra"
)

// controlExits are the exit codes of the verbs that change a service.
const controlExits = `

With --json: one object with the keys service, manager, done, already, changed and
running.

Exit codes: 0 done, or it was so already, 1 the service manager refused it or it
failed, 4 no service is installed, 7 only an administrator can do this.`

func (t tree) startCommand() *cobra.Command {
	return t.controlCommand("start", "Start the installed service", tree.start,
		`Starts the service. Where the manager is told when the agent is up (systemd), it
waits for that. A broker that is away does not keep it from starting.`)
}

func (t tree) stopCommand() *cobra.Command {
	return t.controlCommand("stop", "Stop the service and wait until it has stopped", tree.stop,
		`Stops the service and waits: running scripts get their grace, results are stored.
At the next start of the host it is started again.`)
}

func (t tree) restartCommand() *cobra.Command {
	return t.controlCommand("restart", "Stop the service and start it again", tree.restart,
		`Stops the service as stop does, and starts it. One that did not run is started.`)
}

func (t tree) controlCommand(verb, short string, do func(tree, service.Service, bool) error, long string) *cobra.Command {
	var opts serviceOptions
	cmd := &cobra.Command{
		Use: verb, Short: short, Long: long + controlExits,
		Example: t.examples(verb, verb+" --json"),
		RunE:    func(cmd *cobra.Command, _ []string) error { return t.control(cmd.OutOrStdout(), verb, opts, do) },
	}
	opts.addFlags(cmd, t)
	return cmd
}

func (t tree) start(s service.Service, running bool) error {
	if running {
		return errAlready
	}
	return s.Start()
}

func (t tree) stop(s service.Service, running bool) error {
	if !running {
		return errAlready
	}
	return s.Stop()
}

// restart starts a service that was not running: a restart is asked for to
// have it run.
func (t tree) restart(s service.Service, running bool) error {
	if !running {
		return s.Start()
	}
	return s.Restart()
}

// errAlready: the service is in the state that was asked for.
var errAlready = errors.New("already")

var controlDone = map[string]string{"start": "started", "stop": "stopped", "restart": "restarted"}

func (t tree) control(out io.Writer, verb string, opts serviceOptions, do func(tree, service.Service, bool) error) error {
	t, err := t.administers(verb, opts.name)
	if err != nil {
		return err
	}
	s, err := t.installed(verb)
	if err != nil {
		return err
	}
	status, statusErr := s.Status()
	running := status == service.StatusRunning
	if statusErr != nil || status == service.StatusUnknown {
		running = verb != "start" // let the manager try, and say what is wrong
	}
	err = do(t, s, running)
	already := errors.Is(err, errAlready)
	if err != nil && !already {
		return t.serviceError(verb, err)
	}
	report := serviceReport{Service: t.brand.ServiceName, Manager: s.Platform(), Done: controlDone[verb], Already: already, Running: verb != "stop"}
	return report.print(out, opts.asJSON)
}
