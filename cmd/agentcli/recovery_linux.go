package agentcli

import (
	"context"
	"fmt"
	"os/exec"
	"strings"

	"github.com/kardianos/service"
)

// serviceRecovery asks systemd; other managers of Linux have no common question.
func serviceRecovery(ctx context.Context, name string) (recovery, error) {
	if service.Platform() != "linux-systemd" {
		return recovery{}, errRecoveryUnknown
	}
	out, err := exec.CommandContext(ctx, "systemctl", "show", "--property=Restart,UnitFileState", "--", name+".service").Output()
	if err != nil {
		return recovery{}, fmt.Errorf("systemctl show %s: %w", name, err)
	}
	return systemdRecovery(string(out)), nil
}

// systemdRecovery reads lines of the form Property=value.
func systemdRecovery(shown string) recovery {
	r := recovery{ended: true}
	for line := range strings.Lines(shown) {
		property, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		switch property {
		case "UnitFileState":
			r.starts = strings.HasPrefix(value, "enabled")
		case "Restart":
			r.restarts = value == "always" || value == "on-failure"
		}
	}
	return r
}
