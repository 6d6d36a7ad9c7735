// Command embedder is the least program with an agent in it, to see what that links.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/kanade-go/kanade/agent"
)

func main() {
	cfg := agent.DefaultConfig()
	cfg.Servers, cfg.StateDir = os.Args[1:], os.TempDir()
	a, err := agent.New(cfg, agent.WithUpdater(agent.Updater{}))
	if err == nil {
		err = a.Run(context.Background())
	}
	fmt.Println(err, a.Metrics())
}
