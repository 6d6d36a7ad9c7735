//go:build !windows

package command

import "github.com/kanade-go/kanade/agent/wire"

// runAsReason says why a command does not run as the one it names; empty if it does.
func runAsReason(as wire.RunAs) string {
	if as == wire.RunAsSystem {
		return ""
	}
	return wire.SkippedRunAs(as)
}
