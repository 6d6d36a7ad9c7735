// Command probe is the backend of the test of the packages: it makes the streams that
// an agent needs, and has an agent run a script.
//
//	probe URL PC-ID SCRIPT
//
// It prints the output of the script and ends with its exit code, or with 99 and a
// line on standard error.
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/kanade-go/kanade/agent/wire"
)

// patience is for an agent that starts on a machine with other work.
const patience = 60 * time.Second

func main() {
	ctx, stop := context.WithTimeout(context.Background(), patience)
	r, err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "probe:", err)
		os.Exit(99)
	}
	fmt.Print(r.Stdout)
	fmt.Fprint(os.Stderr, r.Stderr)
	os.Exit(int(r.ExitCode))
}

func run(ctx context.Context, args []string) (wire.Result, error) {
	if len(args) != 3 {
		return wire.Result{}, fmt.Errorf("%d arguments, not URL, PC-ID and SCRIPT", len(args))
	}
	nc, err := nats.Connect(args[0], nats.RetryOnFailedConnect(true), nats.MaxReconnects(-1), nats.ReconnectWait(100*time.Millisecond))
	if err != nil {
		return wire.Result{}, err
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return wire.Result{}, err
	}
	if err := streams(ctx, js); err != nil {
		return wire.Result{}, err
	}
	command := wire.Command{ID: "probe", Version: "1", RequestID: uuid.NewString(), Shell: "sh", Script: args[2], TimeoutSecs: 60}
	data, err := command.Encode()
	if err != nil {
		return wire.Result{}, err
	}
	if _, err := js.Publish(ctx, wire.CommandsPC(args[1]), data); err != nil {
		return wire.Result{}, fmt.Errorf("send the command: %w", err)
	}
	return result(ctx, js, command.RequestID)
}

func streams(ctx context.Context, js jetstream.JetStream) error {
	for _, s := range wire.Streams() {
		_, err := js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{Name: s.Name, Subjects: s.Subjects, MaxMsgsPerSubject: s.MaxMsgsPerSubject})
		if err != nil {
			return fmt.Errorf("make stream %s: %w", s.Name, err)
		}
	}
	return nil
}

// result reads the stream until it has the result of this request.
func result(ctx context.Context, js jetstream.JetStream, request string) (wire.Result, error) {
	consumer, err := js.OrderedConsumer(ctx, wire.StreamResults, jetstream.OrderedConsumerConfig{})
	if err != nil {
		return wire.Result{}, err
	}
	messages, err := consumer.Messages()
	if err != nil {
		return wire.Result{}, err
	}
	defer messages.Stop()
	for {
		msg, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			return wire.Result{}, fmt.Errorf("wait for the result: %w", err)
		}
		r, err := wire.DecodeResult(msg.Data())
		if err != nil {
			return wire.Result{}, err
		}
		if r.RequestID == request {
			return r, nil
		}
	}
}
