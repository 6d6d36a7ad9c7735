package agentcli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"

	"github.com/kardianos/service"
	"github.com/spf13/cobra"
)

const (
	serviceNameFlag = "service-name"
	serviceNameEnv  = "KANADE_SERVICE_NAME"
)

// serviceOptions are what the verbs of the service take.
type serviceOptions struct {
	name   string
	asJSON bool
}

func (o *serviceOptions) addFlags(cmd *cobra.Command, t tree) {
	o.addName(cmd, t)
	cmd.Flags().BoolVar(&o.asJSON, "json", false, "as one JSON object")
}

func (o *serviceOptions) addName(cmd *cobra.Command, t tree) {
	cmd.Flags().StringVar(&o.name, serviceNameFlag, "",
		"`name` of the service (env "+serviceNameEnv+"); default "+t.brand.ServiceName)
}

// named is the tree for the service that was named, by the flag or else by the
// variable.
func (t tree) named(name string) (tree, error) {
	if name == "" {
		name, _ = t.around.lookupEnv(serviceNameEnv)
	}
	if name == "" || name == t.brand.ServiceName {
		return t, checkServiceName(t.brand.ServiceName)
	}
	if t.brand.DisplayName == t.brand.ServiceName {
		t.brand.DisplayName = name
	}
	t.brand.ServiceName = name
	return t, checkServiceName(name)
}

// administers is what a verb that changes the service begins with.
func (t tree) administers(verb, name string) (tree, error) {
	t, err := t.named(name)
	if err != nil {
		return t, fmt.Errorf("%s: %w", verb, err)
	}
	if !t.isAdmin() {
		how := "sudo " + t.brand.Use + " " + verb
		if administrator != "root" {
			how = "an elevated prompt (Run as administrator)"
		}
		return t, &exitError{code: ExitNotPermitted, err: fmt.Errorf("%s: only %s can do this; use: %s", verb, administrator, how)}
	}
	return t, nil
}

// definition describes the service; config is the file it is to read, program what
// it is to run, verbs those that lead to run.
func (t tree) definition(verbs []string, program, config string) serviceDefinition {
	return serviceDefinition{
		Name: t.brand.ServiceName, DisplayName: t.brand.DisplayName, Description: t.brand.Description,
		Program: program, Config: config, Arguments: serviceArguments(verbs, config),
	}
}

func serviceArguments(verbs []string, config string) []string {
	return append(append([]string{}, verbs...), "run", "--"+configFlag, config)
}

// serviceConfig describes the service to the service library.
func (t tree) serviceConfig(config string) *service.Config {
	return &service.Config{
		Name:        t.brand.ServiceName,
		DisplayName: t.brand.DisplayName,
		Description: t.brand.Description,
		Arguments:   serviceArguments(nil, config),
		Option:      service.KeyValue{"RunAtLoad": true, "ReloadSignal": "HUP"},
	}
}

func (t tree) serviceError(verb string, err error) error {
	hint := ""
	switch {
	case os.Geteuid() > 0: // -1 on Windows, whose own text says it
		hint = " (this needs root)"
	case service.Platform() == "linux-systemd":
		hint = " (see journalctl -u " + t.brand.ServiceName + ")"
	case isExitStatus(err):
		hint = " from the manager (" + service.Platform() + "), which says no more; see its log, and: " + t.brand.Use + " doctor"
	}
	return fmt.Errorf("%s: service %s: %w%s", verb, t.brand.ServiceName, err, hint)
}

// isExitStatus: a manager's program failed without a word.
func isExitStatus(err error) bool {
	_, ok := errors.AsType[*exec.ExitError](err)
	return ok
}

// installed returns the service, or an error that says what to do if this host
// has none.
func (t tree) installed(verb string) (service.Service, error) {
	s, err := t.newService(t.serviceConfig(""))
	if err != nil {
		return nil, t.serviceError(verb, err)
	}
	if _, err := s.Status(); errors.Is(err, service.ErrNotInstalled) {
		return nil, t.notInstalled(verb)
	}
	return s, nil
}

func (t tree) notInstalled(verb string) error {
	todo := "install it with: " + t.brand.Use + " install"
	if verb == "uninstall" {
		todo = "one of another name needs --" + serviceNameFlag
	}
	return &exitError{
		code: ExitNotInstalled,
		err:  fmt.Errorf("%s: service %s: not installed; %s", verb, t.brand.ServiceName, todo),
	}
}

// change is one thing that a verb did.
type change struct {
	Text string
	// Restart: a service that runs has to be started again for it.
	Restart bool
}

func major(format string, args ...any) change {
	return change{Text: fmt.Sprintf(format, args...), Restart: true}
}
func minor(format string, args ...any) change { return change{Text: fmt.Sprintf(format, args...)} }

// serviceReport is what a verb did, for people and for programs.
type serviceReport struct {
	Service  string   `json:"service"`
	Manager  string   `json:"manager,omitempty"`
	Config   string   `json:"config,omitempty"`
	Program  string   `json:"program,omitempty"`
	Changed  []string `json:"changed"`            // in words; empty: all was so already
	Warnings []string `json:"warnings,omitempty"` // in words
	Done     string   `json:"done"`               // installed, updated, unchanged; uninstalled; started, stopped, restarted
	Already  bool     `json:"already,omitempty"`  // start, stop: it was so
	Running  bool     `json:"running"`            // as far as the manager knows, afterwards
	Lost     int      `json:"lost,omitempty"`     // records that were purged and that the broker does not have
	next     string   // what to do now, for people
}

func (r serviceReport) print(out io.Writer, asJSON bool) error {
	if asJSON {
		if r.Changed == nil {
			r.Changed = []string{}
		}
		return json.NewEncoder(out).Encode(r)
	}
	return safely(out, func(out io.Writer) error {
		var text strings.Builder
		for _, line := range r.Changed {
			text.WriteString(line + "\n")
		}
		for _, line := range r.Warnings {
			text.WriteString("WARNING: " + line + "\n")
		}
		already := ""
		if r.Already {
			already = "already "
		}
		fmt.Fprintf(&text, "service %s %s%s%s\n", r.Service, already, r.Done, r.next)
		_, err := io.WriteString(out, text.String())
		return err
	})
}
