// Command handler is an agent with a command of its own, written in Go: a command whose
// shell is "dir-size" measures a folder instead of running a script.
package main

import (
	"context"
	"flag"
	"log"
	"os"
	"os/signal"
	"syscall"

	"github.com/kanade-go/kanade/agent"
)

func main() {
	cfg := agent.DefaultConfig()
	cfg.Servers = []string{"nats://127.0.0.1:4222"}
	flag.StringVar(&cfg.ID, "id", cfg.ID, "name of this host on the wire")
	flag.StringVar(&cfg.Servers[0], "server", cfg.Servers[0], "URL of the broker")
	flag.StringVar(&cfg.StateDir, "state", "", "folder for everything durable, an absolute path (required)")
	flag.Parse()
	// To measure twice does no harm, so an interrupted command runs again.
	a, err := agent.New(cfg, agent.WithHandler("dir-size", agent.HandlerFunc(dirSize), agent.RunAgain))
	if err != nil {
		log.Fatal(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	if err := a.Run(ctx); err != nil {
		log.Fatal(err)
	}
}
