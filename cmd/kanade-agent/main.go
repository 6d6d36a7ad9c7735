// Command kanade-agent runs the agent on a host; see kanade-agent --help.
package main

import (
	"os"

	"github.com/kanade-go/kanade/cmd/agentcli"
	"github.com/kanade-go/kanade/cmd/kanade-agent/internal/selfpipe"
)

// Set by release builds, see packaging/build: -ldflags "-X main.version=1.2.3".
var version, commit, date string

func main() {
	os.Exit(agentcli.Main(agentcli.Brand{Version: version, Commit: commit, Date: date, SelfUpdate: true, Notify: selfpipe.Notify}))
}
