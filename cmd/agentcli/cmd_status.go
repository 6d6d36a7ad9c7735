package agentcli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/kardianos/service"
	"github.com/spf13/cobra"

	"github.com/kanade-go/kanade/agent"
)

// stater is what status needs of a service manager.
type stater interface {
	Status() (service.Status, error)
	Platform() string
}

func (t tree) statusCommand() *cobra.Command {
	var opts serviceOptions
	flags := flagValues{}
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Say whether the agent runs and is healthy",
		Long: `Says whether the service is installed and runs, and how the agent itself is: what
is wrong, whether it is connected, what it waits for, what waits to be delivered,
what runs. It works for an agent in the foreground too, and needs no broker: it
reads the file status.json in the state folder, which a running agent replaces
within seconds of a change, and once a minute without one. The state folder is
found as run finds it. Who may not read it is told the service's state only.

Healthy is an agent that is connected, takes commands live and from their stream,
is refused no subject that it needs, can write its ledger, has nothing in
quarantine, and delivers. A bucket that the broker does not have is waited for, and
no fault.

With --json: one object with the keys healthy; service (name, state, manager,
error, pid, restarts); agent (state: running, stopped, stale, unreadable or unknown; state_dir,
error, problems, status). Times are RFC 3339 in UTC.

Exit codes: 0 it runs and is healthy, 6 it runs but is not healthy (or does not
say how it is), 3 it does not run, 4 it does not run and no service is installed
(or that cannot be told), 1 its status cannot be read.`,
		Example: t.examples("status", "status --json", "status --data-dir ./state"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return t.status(cmd.OutOrStdout(), flags, opts.name, opts.asJSON)
		},
	}
	cmd.Flags().SortFlags = false
	shared := runOptions{flags: flags}
	shared.addFlag(cmd, setting{flag: configFlag, env: configEnv, help: "configuration `file` of the agent"})
	shared.addFlag(cmd, dataDirSetting())
	opts.addFlags(cmd, t)
	return cmd
}

// statusAnswer is the answer as JSON.
type statusAnswer struct {
	Healthy bool          `json:"healthy"`
	Service serviceStatus `json:"service"`
	Agent   agentStatus   `json:"agent"`
}

type serviceStatus struct {
	Name    string `json:"name"`
	State   string `json:"state"` // running, starting, stopping, failed, stopped, not-installed, unknown
	Manager string `json:"manager,omitempty"`
	Error   string `json:"error,omitempty"` // why the state is unknown

	PID      int `json:"pid,omitempty"`
	Restarts int `json:"restarts,omitempty"` // by the manager, since someone started it
}

type agentStatus struct {
	State    string          `json:"state"` // running, stopped, stale, unreadable, unknown
	StateDir string          `json:"state_dir,omitempty"`
	Error    string          `json:"error,omitempty"`    // why it is not running
	Problems []agent.Problem `json:"problems,omitempty"` // none: it is healthy
	// Status of a running agent; the last one of one that is stale or was killed.
	Status *agent.Status `json:"status,omitempty"`
}

func (t tree) status(out io.Writer, flags flagValues, name string, asJSON bool) error {
	t, err := t.named(name)
	if err != nil {
		return fmt.Errorf("status: %w", err)
	}
	serviceState, serviceErr := t.serviceStatus()
	answer := statusAnswer{Service: serviceState, Agent: t.agentStatus(flags)}
	code := answer.exitCode()
	answer.Healthy = code == ExitOK
	safe := safeOutput(out)
	err = answer.print(safe, asJSON, time.Now())
	if err := errors.Join(err, safe.Close()); err != nil {
		return err
	}
	switch code {
	case ExitOK:
		return nil
	case ExitNotInstalled:
		return &exitError{code: code, err: serviceErr}
	}
	return &exitError{code: code} // the answer was printed; there is nothing to add
}

// serviceStatus asks the service manager; the error is that there is none.
func (t tree) serviceStatus() (serviceStatus, error) {
	s, err := t.newService(t.serviceConfig(""))
	if err != nil {
		return serviceStatus{Name: t.brand.ServiceName, State: "unknown", Error: oneLine(err)}, t.serviceError("status", err)
	}
	return queryStatus(t.brand.ServiceName, s), nil
}

func queryStatus(name string, s stater) serviceStatus {
	answer := serviceStatus{Name: name, Manager: s.Platform(), State: "unknown"}
	status, err := s.Status()
	m, told, moreErr := managedBy(s)
	if told && moreErr == nil {
		answer.State, answer.PID, answer.Restarts = m.State, m.PID, m.Restarts
		return answer
	}
	switch {
	case errors.Is(err, service.ErrNotInstalled):
		answer.State = "not-installed"
	case err != nil:
		answer.Error = oneLine(err)
	case status == service.StatusRunning:
		answer.State = "running"
	case status == service.StatusStopped:
		answer.State = "stopped"
	}
	return answer
}

// agentStatus reads what the agent says of itself.
func (t tree) agentStatus(flags flagValues) agentStatus {
	dir, from, err := t.stateDir(flags)
	if err != nil {
		return agentStatus{State: "unknown", Error: oneLine(err)}
	}
	s, err := agent.ReadStatus(dir)
	answer := agentStatus{StateDir: dir}
	if !s.At.IsZero() {
		answer.Status = &s
	}
	switch {
	case err == nil:
		answer.State, answer.Problems = "running", s.Problems()
		return answer
	case errors.Is(err, agent.ErrNotRunning):
		answer.State = "stopped"
		err = withFolderHint(err, from)
	case errors.Is(err, agent.ErrStatusStale):
		answer.State = "stale"
	case errors.Is(err, agent.ErrStatusUnreadable), errors.Is(err, fs.ErrNotExist):
		answer.State = "unreadable"
	default:
		answer.State = "unknown"
		err = withAccessHint(err, filepath.Join(dir, agent.StatusFile))
	}
	answer.Error = oneLine(err)
	return answer
}

func (a statusAnswer) exitCode() int {
	switch a.Agent.State {
	case "running":
		if len(a.Agent.Problems) == 0 {
			return ExitOK
		}
		return ExitUnhealthy
	case "stale", "unreadable":
		return ExitUnhealthy
	case "unknown":
		return ExitError
	}
	switch a.Service.State {
	case "running", "starting", "stopping": // but no agent has the folder: it starts, or has another one
		return ExitUnhealthy
	case "stopped", "failed":
		return ExitNotRunning
	}
	return ExitNotInstalled
}

func (a statusAnswer) print(out io.Writer, asJSON bool, now time.Time) error {
	if asJSON {
		return json.NewEncoder(out).Encode(a)
	}
	return statusPage{answer: a, now: now}.print(out)
}
