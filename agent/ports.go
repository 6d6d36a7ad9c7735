package agent

import (
	"context"
	"io"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/outbox"
	"github.com/kanade-go/kanade/retry"
)

// JetStream is what the agent needs of JetStream; a jetstream.JetStream fits as
// it is, and so does the fake of package retry/jstest.
type JetStream interface {
	retry.KVSource
	retry.StreamSource
	retry.ConsumerSource
	retry.ObjectStoreSource
	outbox.Publisher
}

var _ JetStream = jetstream.JetStream(nil)

// Job is one run of a command by a [Handler].
type Job struct {
	Command wire.Command
	// Stdout and Stderr become the result's. What goes beyond the agent's limit
	// for a stream is counted and left out of the middle.
	Stdout, Stderr io.Writer
	// Attempt counts from 1; more than 1 only under [RunAgain].
	Attempt int
}

// Handler runs commands in Go. A nil error is exit code 0, an [ExitError] its
// code, any other error exit code 1 with its text on stderr; a panic is exit
// code -1. Ctx ends at the command's timeout, at a kill, and at the end of the
// grace when the agent stops.
type Handler interface {
	Handle(ctx context.Context, j Job) error
}

// HandlerFunc is a function as a Handler.
type HandlerFunc func(ctx context.Context, j Job) error

// Handle calls f.
func (f HandlerFunc) Handle(ctx context.Context, j Job) error { return f(ctx, j) }

// Recovery says what happens to a handler's command that was running when the
// agent ended without warning.
type Recovery int

const (
	// ReportInterrupted sends a result with exit code 121 and does not run it
	// again.
	ReportInterrupted Recovery = iota
	// RunAgain runs it again. Choose it only if the handler can tell how far it
	// came, or if doing it twice does no harm. A handler that does not end when
	// its context does is left behind at a stop; a second Agent in the same
	// process may then run the command beside it.
	RunAgain
)

// Received is a command as it came in, for a [Verifier].
type Received struct {
	Data    []byte // the bytes as received
	Subject string
	// Header is the message's, where a sender has put a signature; nil if it has none.
	// It must not be changed.
	Header  nats.Header
	Replay  bool // from the durable consumer, not live
	Command wire.Command
}

// Verifier decides whether a command may be trusted. An error refuses it: its
// sender gets a result with exit code 123 and the error's text, and a corrected
// command may use the request ID again. Of many refusals the first 1,000 are
// answered, then one a minute; all are counted. Runs of local schedules are asked
// for too: their subject is that of their row, $KV.schedules.<key>, and nobody has
// signed them.
type Verifier interface {
	Verify(ctx context.Context, r Received) error
}
