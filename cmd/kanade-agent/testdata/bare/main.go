// Command bare is the least that a program with nats.go can be: it connects to the
// broker named by its first argument, answers what comes on the subject of its
// second, and ends when it is told to. The footprint of the agent is measured beside it.
package main

import (
	"context"
	"log"
	"os"
	"os/signal"
	"syscall"

	"github.com/nats-io/nats.go"
)

func main() {
	nc, err := nats.Connect(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	if _, err := nc.Subscribe(os.Args[2], func(m *nats.Msg) { _ = m.Respond([]byte("here")) }); err != nil {
		log.Fatal(err)
	}
	told, forget := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer forget()
	<-told.Done()
}
