package agentcli

import "github.com/kardianos/service"

// startedByManager: the service manager has to be answered over its own
// channel.
func startedByManager() bool { return !service.Interactive() }
