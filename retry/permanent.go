package retry

import (
	"errors"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

type permanentError struct{ err error }

func (e *permanentError) Error() string { return e.err.Error() }
func (e *permanentError) Unwrap() error { return e.err }

// Permanent marks err as one that no further attempt can cure: Forever returns it instead of trying again. The text and
// what errors.Is and errors.As find stay the same. Permanent(nil) is nil.
func Permanent(err error) error {
	if err == nil || IsPermanent(err) {
		return err
	}
	return &permanentError{err}
}

// IsPermanent reports whether err, or an error it wraps, was marked by Permanent.
func IsPermanent(err error) bool {
	var p *permanentError
	return errors.As(err, &p)
}

// finalErrors are the answers of nats.go and the server that follow from the request or from a connection that is gone for
// good. "Not found", "JetStream not enabled", timeouts and refused permissions are not among them: an operator cures those
// without touching this process.
var finalErrors = []error{
	// The connection was closed, or is being closed, by whoever owns it; nats.go never reopens it.
	nats.ErrConnectionClosed,
	nats.ErrConnectionDraining,
	nats.ErrInvalidConnection,
	jetstream.ErrConnectionClosed,

	// Names that no server accepts. nats.go checks them before it sends anything.
	jetstream.ErrInvalidBucketName,
	jetstream.ErrInvalidStoreName,
	jetstream.ErrInvalidStreamName,
	jetstream.ErrStreamNameRequired,
	jetstream.ErrInvalidConsumerName,
	jetstream.ErrInvalidSubject,
	nats.ErrBadSubject,

	// Consumer filters that contradict themselves, whatever the stream holds.
	jetstream.ErrDuplicateFilterSubjects,
	jetstream.ErrOverlappingFilterSubjects,
	jetstream.ErrEmptyFilter,
}

// classify marks err when it is final.
func classify(err error) error {
	for _, final := range finalErrors {
		if errors.Is(err, final) {
			return Permanent(err)
		}
	}
	return err
}
