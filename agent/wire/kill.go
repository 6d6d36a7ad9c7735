package wire

import "strings"

// KillAny matches the kill subject of every execution whose ID has no dots. One
// subscription to it hears every kill from before the first command on, where
// one subscription a command would come too late for some.
func KillAny() string { return killPrefix + "*" }

// KillExecID returns the execution ID that a kill message's subject names.
func KillExecID(subject string) (execID string, ok bool) {
	execID, ok = strings.CutPrefix(subject, killPrefix)
	return execID, ok && execID != ""
}
