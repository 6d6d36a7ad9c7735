package agentcli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/kardianos/service"
	"github.com/spf13/cobra"
)

// stater is what status needs of a service manager.
type stater interface {
	Status() (service.Status, error)
	Platform() string
}

func (t tree) statusCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Say whether the service runs",
		Long: `Says whether the service is installed and runs.

Exit codes: 0 it runs, 3 it is installed but does not run, 4 it is not
installed or its state cannot be told.`,
		Example: t.examples("status", "status --json"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return t.status(cmd.OutOrStdout(), asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "as one JSON object")
	return cmd
}

// serviceStatus is the answer as JSON.
type serviceStatus struct {
	Service string `json:"service"`
	State   string `json:"state"` // running, stopped, not-installed, unknown
	Manager string `json:"manager"`
	Error   string `json:"error,omitempty"` // why the state is unknown
}

func (t tree) status(out io.Writer, asJSON bool) error {
	s, err := t.newService(t.serviceConfig(""))
	if err != nil {
		return &exitError{code: ExitNotInstalled, err: t.serviceError("status", err)}
	}
	answer, code := queryStatus(t.brand.ServiceName, s)
	if err := answer.print(out, asJSON); err != nil {
		return err
	}
	if code != ExitOK {
		return &exitError{code: code}
	}
	return nil
}

func queryStatus(name string, s stater) (serviceStatus, int) {
	answer := serviceStatus{Service: name, Manager: s.Platform(), State: "unknown"}
	status, err := s.Status()
	switch {
	case errors.Is(err, service.ErrNotInstalled):
		answer.State = "not-installed"
	case err != nil:
		answer.Error = oneLine(err)
	case status == service.StatusRunning:
		answer.State = "running"
		return answer, ExitOK
	case status == service.StatusStopped:
		answer.State = "stopped"
		return answer, ExitNotRunning
	}
	return answer, ExitNotInstalled
}

func (s serviceStatus) print(out io.Writer, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(out).Encode(s)
	}
	reason := ""
	if s.Error != "" {
		reason = ": " + s.Error
	}
	_, err := fmt.Fprintf(out, "service %s (%s): %s%s\n", s.Service, s.Manager, s.State, reason)
	return err
}
