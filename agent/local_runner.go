package agent

import "github.com/kanade-go/kanade/exec"

// localRunner runs scripts on this host.
func (a *Agent) localRunner(staging string) *exec.Local {
	opts := []exec.Option{
		exec.WithKillGrace(killGrace), exec.WithStagingDir(staging), exec.WithLogger(a.log.With("component", "exec")),
	}
	if a.cfg.ScriptCgroups {
		dir, err := exec.OwnCgroup()
		if err != nil {
			a.log.Warn("scripts run without cgroups of their own; a service of systemd needs Delegate=yes in its unit", "error", err)
		} else {
			opts = append(opts, exec.WithCgroup(dir))
		}
	}
	return exec.NewLocal(opts...)
}
