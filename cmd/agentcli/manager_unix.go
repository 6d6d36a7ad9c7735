//go:build unix

package agentcli

// startedByManager is never true: a service is a process like any other here,
// started, watched by its exit code and stopped by SIGTERM.
func startedByManager() bool { return false }
