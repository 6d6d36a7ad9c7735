//go:build !linux

package agentcli

// unmapProgram leaves it to the system, which trims what is idle (Windows), or does not
// tell its mappings.
func unmapProgram() {}
