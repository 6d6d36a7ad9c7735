//go:build unix

package agentcli

// restartWhenEnded has nothing to do: managers here take every exit code but 0
// for a failure.
func restartWhenEnded(string) error { return nil }
