package agentcli

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/kardianos/service"
	"github.com/spf13/cobra"
)

type uninstallOptions struct {
	serviceOptions
	flags flagValues
	purge bool
}

func (t tree) uninstallCommand() *cobra.Command {
	opts := uninstallOptions{flags: flagValues{}}
	cmd := &cobra.Command{
		Use:   "uninstall",
		Short: "Stop the service and remove it; files stay, unless --purge",
		Long: `Stops the service, waits for it, and removes its definition. Configuration, state,
log and the drop-ins of systemd stay, so that a later install goes on where this ends.

With --purge they are removed too: all that agents make in the state folder, with what
was not delivered, the log files, the configuration, files with secrets and release
keys beside it, what an update left beside the program; on Windows the secrets in the
registry. What is elsewhere stays and is named: included files, secrets in other
folders, the program. So do files of others in these folders, and a folder that is not
an agent's. It works without an installed service as well.

With --json: one object with the keys service, manager, config, changed (in words),
warnings, lost (records that were not delivered), done and running.

Exit codes: 0 it is gone, 1 it failed, 4 no service is installed, 7 only an
administrator can do this.`,
		Example: t.examples("uninstall", "uninstall --purge --json"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return t.uninstall(cmd.Context(), cmd.OutOrStdout(), opts)
		},
	}
	cmd.Flags().SortFlags = false
	shared := runOptions{flags: opts.flags}
	shared.addFlag(cmd, setting{flag: configFlag, help: "with --purge: configuration `file`; default: that of the service"})
	cmd.Flags().BoolVar(&opts.purge, "purge", false, "remove configuration, state and log too")
	opts.addFlags(cmd, t)
	return cmd
}

func (t tree) uninstall(ctx context.Context, out io.Writer, opts uninstallOptions) error {
	t, err := t.administers("uninstall", opts.name)
	if err != nil {
		return err
	}
	s, err := t.newService(t.serviceConfig(""))
	if err != nil {
		return t.serviceError("uninstall", err)
	}
	report := serviceReport{Service: t.brand.ServiceName, Manager: s.Platform(), Done: "uninstalled"}
	registry := t.newRegistry(s, t.serviceConfig(""))
	line, err := registry.CommandLine(ctx)
	missing := errors.Is(err, service.ErrNotInstalled)
	switch {
	case missing && !opts.purge:
		return t.notInstalled("uninstall")
	case err != nil && !missing:
		return t.serviceError("uninstall", err)
	}
	var p purge
	if opts.purge { // what cannot be removed is said before anything is
		if p, err = t.planPurge(opts.flags, line); err != nil {
			return fmt.Errorf("uninstall: %w; nothing was removed", err)
		}
		report.Config = p.config
	}
	if !missing {
		if report.Changed, err = t.unregister(ctx, s, registry); err != nil {
			return t.serviceError("uninstall", err)
		}
	}
	if opts.purge {
		if err = p.do(); err == nil {
			err = p.purgeEntry(ctx, registry)
		}
		report.Done = "purged"
		report.Changed, report.Warnings, report.Lost = append(report.Changed, p.removed...), p.left, p.lost
	}
	if err != nil {
		err = fmt.Errorf("uninstall: %w", err)
	}
	return errors.Join(report.print(out, opts.asJSON), err)
}

func (t tree) unregister(ctx context.Context, s service.Service, registry serviceRegistry) ([]string, error) {
	// Of a service that is in no known state the manager is asked to stop it, too.
	if status, err := s.Status(); err != nil || status != service.StatusStopped {
		if err := s.Stop(); err != nil && status == service.StatusRunning {
			return nil, err
		}
	}
	return registry.Unregister(ctx)
}
