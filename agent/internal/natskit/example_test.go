package natskit_test

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/kanade-go/kanade/agent/internal/natskit"
)

// No broker, no token file: Dial is content, and waits for both.
func ExampleDial() {
	nc, err := natskit.Dial(natskit.Options{
		Servers:     []string{"nats://127.0.0.1:1"},
		Name:        "kanade-agent/PC-1",
		Credentials: natskit.Login{TokenFile: "/no/such/folder/token"},
		Logger:      slog.New(slog.DiscardHandler),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer nc.Close()
	watch := natskit.Watch{Conn: nc, Logger: slog.New(slog.DiscardHandler)}
	ctx, cancel := context.WithCancel(context.Background())
	cancel() // at once, in an example
	fmt.Println(watch.Run(ctx), nc.IsConnected())
	// Output: <nil> false
}
