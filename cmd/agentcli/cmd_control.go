package agentcli

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/kardianos/service"
	"github.com/spf13/cobra"
)

func (t tree) startCommand() *cobra.Command {
	return t.controlCommand("start", "Start the installed service", t.start)
}

func (t tree) stopCommand() *cobra.Command {
	return t.controlCommand("stop", "Stop the service and wait until it has stopped", t.stop)
}

func (t tree) restartCommand() *cobra.Command {
	return t.controlCommand("restart", "Stop the service and start it again", t.restart)
}

func (t tree) controlCommand(verb, short string, do func(io.Writer) error) *cobra.Command {
	return &cobra.Command{
		Use: verb, Short: short, Example: t.examples(verb),
		RunE: func(cmd *cobra.Command, _ []string) error { return do(cmd.OutOrStdout()) },
	}
}

func (t tree) start(out io.Writer) error {
	return t.control(out, "start", "started", func(s service.Service, running bool) error {
		if running {
			return errAlready
		}
		return s.Start()
	})
}

func (t tree) stop(out io.Writer) error {
	return t.control(out, "stop", "stopped", func(s service.Service, running bool) error {
		if !running {
			return errAlready
		}
		return s.Stop()
	})
}

// restart starts a service that was not running: a restart is asked for to
// have it run.
func (t tree) restart(out io.Writer) error {
	return t.control(out, "restart", "restarted", func(s service.Service, running bool) error {
		if !running {
			return s.Start()
		}
		return s.Restart()
	})
}

// errAlready: the service is in the state that was asked for.
var errAlready = errors.New("already")

func (t tree) control(out io.Writer, verb, done string, do func(s service.Service, running bool) error) error {
	s, err := t.installed(verb)
	if err != nil {
		return err
	}
	status, statusErr := s.Status()
	running := status == service.StatusRunning
	if statusErr != nil || status == service.StatusUnknown {
		running = verb != "start" // let the manager try, and say what is wrong
	}
	err = do(s, running)
	switch {
	case errors.Is(err, errAlready):
		done = "already " + done
	case err != nil:
		return t.serviceError(verb, err)
	}
	_, err = fmt.Fprintf(out, "service %s %s\n", t.brand.ServiceName, done)
	return err
}

// installed returns the service, or an error that says what to do if this host
// has none.
func (t tree) installed(verb string) (service.Service, error) {
	s, err := t.newService(t.serviceConfig(""))
	if err != nil {
		return nil, t.serviceError(verb, err)
	}
	if _, err := s.Status(); errors.Is(err, service.ErrNotInstalled) {
		return nil, t.serviceError(verb, fmt.Errorf("not installed; install it with: %s install", t.brand.Use))
	}
	return s, nil
}

// serviceConfig describes the service; config is the file it is to read.
func (t tree) serviceConfig(config string) *service.Config {
	return &service.Config{
		Name:        t.brand.ServiceName,
		DisplayName: t.brand.DisplayName,
		Description: t.brand.Description,
		Arguments:   []string{"run", "--" + configFlag, config},
		Option: service.KeyValue{
			// launchd would register the service and leave it at that.
			"RunAtLoad": true,
			// systemctl reload has the log level read again.
			"ReloadSignal": "HUP",
			// Windows restarts no service that ended by itself, unless it is told to.
			"OnFailure": "restart", "OnFailureDelayDuration": "60s", "OnFailureResetPeriod": 24 * 60 * 60, // s
		},
	}
}

func (t tree) serviceError(verb string, err error) error {
	hint := ""
	switch {
	case os.Geteuid() > 0: // -1 on Windows, whose own text says it
		hint = " (this needs root)"
	case service.Platform() == "linux-systemd":
		hint = " (see journalctl -u " + t.brand.ServiceName + ")"
	}
	return fmt.Errorf("%s: service %s: %w%s", verb, t.brand.ServiceName, err, hint)
}
