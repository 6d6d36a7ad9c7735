package command

import "github.com/kanade-go/kanade/agent/wire"

// runAsReason is empty: whether a user is logged on is known when the command starts, and the runner says so.
func runAsReason(wire.RunAs) string { return "" }
