// Command embed is a program with an agent inside.
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
	a, err := agent.New(cfg)
	if err != nil {
		log.Fatal(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()

	log.Print("the program does its own work; the agent takes commands beside it")

	if err := <-ended; err != nil {
		log.Fatal(err)
	}
}
