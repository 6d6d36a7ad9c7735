//go:build !windows

package command

import "github.com/kanade-go/kanade/agent/wire"

// runAsReason says why a command that is to run as somebody else does not run.
func runAsReason(as wire.RunAs) string { return wire.SkippedRunAs(as) }
