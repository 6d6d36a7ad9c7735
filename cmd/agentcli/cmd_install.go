package agentcli

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/kardianos/service"
	"github.com/spf13/cobra"
)

// installer is what install and uninstall need of a service manager.
type installer interface {
	Install() error
	Uninstall() error
}

func (t tree) installCommand() *cobra.Command {
	opts := runOptions{flags: flagValues{}}
	cmd := &cobra.Command{
		Use:   "install",
		Short: "Install the agent as a service of this host",
		Long: `Registers this program as a service that starts with the host. The service
reads the configuration file found now, which is checked before.

Settings that come from variables of this shell are not passed on.`,
		Example: t.examples("install", "install --config /etc/kanade/agent.toml"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return t.install(cmd.OutOrStdout(), opts.flags)
		},
	}
	opts.addFlag(cmd, setting{flag: configFlag, env: configEnv, help: "configuration `file` of the service"})
	return cmd
}

func (t tree) uninstallCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "uninstall",
		Short:   "Stop the service and remove it; files stay",
		Example: t.examples("uninstall"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return t.uninstall(cmd.OutOrStdout())
		},
	}
}

func (t tree) install(out io.Writer, flags flagValues) error {
	config, err := t.checkedConfig(flags)
	if err != nil {
		return fmt.Errorf("install: %w", err)
	}
	s, err := t.newService(t.serviceConfig(config))
	if err != nil {
		return t.serviceError("install", err)
	}
	if _, err := s.Status(); err == nil {
		return t.serviceError("install", errors.New("already installed"))
	}
	if err := installer(s).Install(); err != nil {
		return t.serviceError("install", err)
	}
	if err := t.whenEnded(t.brand.ServiceName); err != nil {
		return t.serviceError("install", fmt.Errorf("it is installed, but not restarted when it ends with an error: %w", err))
	}
	_, err = fmt.Fprintf(out, "service %s installed with %s; start it with: %s start\n", t.brand.ServiceName, config, t.brand.Use)
	return err
}

// checkedConfig finds the file for the service and reads it once: a service
// that cannot start is better noticed now.
func (t tree) checkedConfig(flags flagValues) (string, error) {
	path, err := findConfig(flags, t.around)
	if err != nil {
		return "", err
	}
	if path, err = filepath.Abs(path); err != nil {
		return "", err
	}
	found, err := load(flagValues{configFlag: {path}}, t.around)
	if err != nil {
		return "", err
	}
	return path, found.config.Validate()
}

func (t tree) uninstall(out io.Writer) error {
	s, err := t.installed("uninstall")
	if err != nil {
		return err
	}
	if status, err := s.Status(); err == nil && status == service.StatusRunning {
		if err := s.Stop(); err != nil {
			return t.serviceError("stop", err)
		}
	}
	if err := installer(s).Uninstall(); err != nil {
		return t.serviceError("uninstall", err)
	}
	_, err = fmt.Fprintf(out, "service %s uninstalled\n", t.brand.ServiceName)
	return err
}
