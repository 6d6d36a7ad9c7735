package doctor

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/kanade-go/kanade/exec"
)

const fullLanguage = "FullLanguage"

// shells looks which of them this host has, and what its policies leave of
// PowerShell.
func (d *doctor) shells(ctx context.Context) {
	const check = "shells"
	asked := d.Shells
	if asked == nil {
		asked = []exec.Shell{exec.Sh, exec.Cmd, exec.PowerShell, exec.Pwsh}
	}
	dir, _ := existing(d.Staging)
	local := exec.NewLocal(exec.WithStagingDir(dir))
	var there []string
	for _, s := range asked {
		path, err := local.Find(s)
		if err != nil {
			continue
		}
		there = append(there, string(s)+" ("+path+")")
		if (s == exec.PowerShell || s == exec.Pwsh) && !d.refused { // it is asked by a script that is staged
			d.language(ctx, local, s)
		}
	}
	if len(there) == 0 {
		d.fail(check, "no shell was found", "put sh, cmd, powershell or pwsh in the path of the agent")
		return
	}
	d.ok(check, strings.Join(there, ", "))
}

func (d *doctor) language(ctx context.Context, local *exec.Local, s exec.Shell) {
	mode, err := local.LanguageMode(ctx, s)
	switch {
	case errors.Is(err, exec.ErrBlocked):
		d.fail(string(s), "a policy of this host forbids its scripts: "+err.Error(), "allow the staging folder "+d.Staging+" in AppLocker or App Control")
	case err != nil:
		d.fail(string(s), "an empty script does not run: "+err.Error(), "run it by hand as the agent's user and see what it says")
	case mode != fullLanguage:
		d.warn(string(s), fmt.Sprintf("scripts run in %s", mode), "many scripts need FullLanguage: have AppLocker or App Control trust the staging folder "+d.Staging)
	default:
		d.ok(string(s), "scripts run in "+mode)
	}
}
