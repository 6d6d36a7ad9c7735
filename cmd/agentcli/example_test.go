package agentcli_test

import (
	"fmt"

	"github.com/kanade-go/kanade/cmd/agentcli"
)

// A binary of your own is NewCommand or Main with your names.
func ExampleNewCommand() {
	cmd := agentcli.NewCommand(agentcli.Brand{Use: "acme-agent", Version: "1.4.0"})
	cmd.SetArgs([]string{"--version"})
	err := cmd.Execute()
	fmt.Println(agentcli.ExitCode(err))
	// Output:
	// acme-agent 1.4.0
	// 0
}
