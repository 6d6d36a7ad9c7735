// Command whitelabel is the agent's command line under another name: the commands,
// flags, services and help of kanade-agent, for a product of your own.
package main

import (
	"os"

	"github.com/kanade-go/kanade/cmd/agentcli"
)

func main() {
	os.Exit(agentcli.Main(agentcli.Brand{
		Use: "acme-agent", ServiceName: "AcmeAgent",
		DisplayName: "Acme endpoint agent", Description: "Runs what the Acme console asks for.",
		Version: "1.0.0",
	}))
}
