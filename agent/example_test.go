package agent_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"os/signal"
	"path/filepath"

	"github.com/kanade-go/kanade/agent"
)

// An agent inside another program.
func Example() {
	cfg := agent.DefaultConfig()
	cfg.Servers = []string{"nats://broker.example:4222"}
	cfg.StateDir = filepath.Join(os.TempDir(), "my-tool", "agent")
	a, err := agent.New(cfg)
	if err != nil {
		log.Fatal(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := a.Run(ctx); err != nil {
		log.Fatal(err)
	}
}

// A command of one's own, in Go.
func ExampleWithHandler() {
	greet := agent.HandlerFunc(func(_ context.Context, j agent.Job) error {
		_, err := fmt.Fprintf(j.Stdout, "hello, %s\n", j.Command.Script)
		return err
	})
	cfg := agent.DefaultConfig()
	cfg.Servers = []string{"nats://broker.example:4222"}
	cfg.StateDir = filepath.Join(os.TempDir(), "my-tool", "agent")
	_, err := agent.New(cfg, agent.WithHandler("greet", greet, agent.ReportInterrupted))
	fmt.Println(err)
	// Output: <nil>
}
