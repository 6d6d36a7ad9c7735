// Command kanade-agent runs the agent on a host; see kanade-agent --help.
package main

import (
	"os"

	"github.com/kanade-go/kanade/cmd/agentcli"
)

// version is set by release builds: -ldflags "-X main.version=1.2.3".
var version string

func main() {
	os.Exit(agentcli.Main(agentcli.Brand{Version: version, SelfUpdate: true}))
}
