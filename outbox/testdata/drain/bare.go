package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// window is as many messages without an ack as the outbox has.
const window = 256

type sent struct {
	path string
	ack  jetstream.PubAckFuture
}

// bare is what a drain cannot do without: list, read, publish, unlink.
func bare(dir string, _ *nats.Conn, js jetstream.JetStream) error {
	list, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	inFlight := make(chan sent, window)
	ended := make(chan error, 1)
	go func() { ended <- unlink(inFlight) }()
	for _, entry := range list {
		path := filepath.Join(dir, entry.Name())
		ack, err := publish(path, js)
		if err != nil {
			return err
		}
		inFlight <- sent{path, ack}
	}
	close(inFlight)
	return <-ended
}

func publish(path string, js jetstream.JetStream) (jetstream.PubAckFuture, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	m := nats.NewMsg(subject)
	m.Header.Set(jetstream.MsgIDHeader, strings.TrimSuffix(filepath.Base(path), ".json"))
	m.Data = data
	return js.PublishMsgAsync(m)
}

func unlink(inFlight <-chan sent) (err error) {
	for s := range inFlight {
		select {
		case <-s.ack.Ok():
			err = errors.Join(err, os.Remove(s.path))
		case e := <-s.ack.Err():
			err = errors.Join(err, e)
		}
	}
	return err
}
