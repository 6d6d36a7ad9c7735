package command

import (
	"fmt"

	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/exec"
)

// accountOf is the runner's name for whom a command runs as.
func accountOf(as wire.RunAs) (exec.As, error) {
	switch as {
	case wire.RunAsSystem:
		return exec.AsSystem, nil
	case wire.RunAsUser:
		return exec.AsUser, nil
	case wire.RunAsSystemGUI:
		return exec.AsSystemGUI, nil
	}
	return 0, fmt.Errorf("unknown run_as %s", as)
}
