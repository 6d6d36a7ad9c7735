package agentcli

// hostile is a name that would clear a terminal. Windows has no names with the control characters below a space; this
// has the one-character form of "escape, bracket". It is as long as that of Unix, quoted or not.
const hostile = "evil\u009b2J_\u202e"
