package telemetry

import (
	"context"
	"errors"

	"github.com/nats-io/nats.go"

	"github.com/kanade-go/kanade/retry"
)

// publisher sends what is worth nothing later.
type publisher struct{ transport retry.Transport }

// errOffline says that a message was dropped because there is no connection.
var errOffline = errors.New("telemetry: not connected")

func (p *publisher) connected() bool {
	connected, _ := p.transport.State()
	return connected
}

// send publishes, or drops the message while there is no connection.
func (p *publisher) send(subject string, data []byte) error {
	m := &nats.Msg{Subject: subject, Data: data}
	if now, ok := p.transport.(interface{ PublishNow(m *nats.Msg) error }); ok {
		err := now.PublishNow(m)
		if errors.Is(err, nats.ErrDisconnected) || errors.Is(err, nats.ErrReconnectBufExceeded) {
			return errOffline
		}
		return err
	}
	if !p.connected() {
		return errOffline
	}
	return p.transport.Publish(m)
}

// note reports an error of send; being offline is none: the connection's own part
// says so.
func note(report *streak, what string, err error) {
	if !errors.Is(err, errOffline) {
		report.note(what, err)
	}
}

// maxPayload is how large a message may be; 0: not known.
func (p *publisher) maxPayload() int {
	if t, ok := p.transport.(interface{ MaxPayload() int64 }); ok {
		return int(t.MaxPayload())
	}
	return 0
}

// awaitFirst returns with the first connection, or at the end of ctx.
func (p *publisher) awaitFirst(ctx context.Context) {
	for {
		connected, changed := p.transport.State()
		if connected {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-changed:
		}
	}
}
