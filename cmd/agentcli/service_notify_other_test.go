//go:build unix && !linux

package agentcli

const abstractSockets = false
