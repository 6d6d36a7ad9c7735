//go:build unix

package agentcli

// hostile is a name that would clear a terminal.
const hostile = "evil\x1b[2J\t\u202e"
