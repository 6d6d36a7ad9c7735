// Command bare is the least that a program with nats.go can be: it connects to the
// broker named by its first argument and answers what comes on the subject of its
// second. The footprint of the agent is measured beside it.
package main

import (
	"log"
	"os"

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
	select {}
}
