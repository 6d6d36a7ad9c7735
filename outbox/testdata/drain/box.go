package main

import (
	"context"
	"encoding/json"
	"io"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/kanade-go/kanade/outbox"
	"github.com/kanade-go/kanade/retry"
)

func box(dir string, nc *nats.Conn, js jetstream.JetStream) error {
	o, err := outbox.Open(dir, outbox.WithCodec(codec{}), outbox.WithTransport(retry.FromNATS(nc)))
	if err != nil {
		return err
	}
	if _, err := o.Flush(context.Background(), js); err != nil {
		return err
	}
	return o.Close()
}

// codec stores results in the contract's form: the file is the payload.
type codec struct{}

func (codec) Encode(w io.Writer, r outbox.Record) error {
	_, err := w.Write(r.Data)
	return err
}

func (codec) Decode(_ string, file io.Reader) (outbox.Record, error) {
	data, err := io.ReadAll(file)
	if err != nil {
		return outbox.Record{}, err
	}
	var ids struct {
		Request string `json:"request_id"`
		Result  string `json:"result_id"`
	}
	if err := json.Unmarshal(data, &ids); err != nil {
		return outbox.Record{}, err
	}
	return outbox.Record{Name: ids.Request, MsgID: ids.Result, Subject: subject, Data: data}, nil
}
