package agentcli

const abstractSockets = true
