// Command drain empties a folder of results into a broker, as a bare loop or as
// an outbox, and prints the seconds it took and the most memory it had in bytes.
// It is a program of its own so that the memory is a drain's, not a test's.
//
//	drain bare|box DIR URL
package main

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const subject = "bench.drain"

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 3 {
		return errors.New("usage: drain bare|box DIR URL")
	}
	drain := map[string]func(string, *nats.Conn, jetstream.JetStream) error{"bare": bare, "box": box}[args[0]]
	if drain == nil {
		return fmt.Errorf("%s: neither bare nor box", args[0])
	}
	nc, err := nats.Connect(args[2])
	if err != nil {
		return err
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return err
	}
	start := time.Now()
	if err := drain(args[1], nc, js); err != nil {
		return err
	}
	took := time.Since(start)
	_, err = fmt.Println(took.Seconds(), peakMemory())
	return err
}
