package settings

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/retry"
)

// Rows reads single rows, of the leader where it can: [retry.DirectReader].
type Rows interface {
	ReadKey(ctx context.Context, bucket, key string) (retry.KVAnswer, error)
}

// presence is what a broker says of a row.
type presence int

const (
	unread   presence = iota
	noBucket          // there is no such bucket
	absent            // nothing was ever put, or the bucket is not the one it was put to
	deleted           // there is the marker of a deletion
	found
)

type answer struct {
	is       presence
	replica  bool // the leader did not answer: what was just put may not be there yet
	late     bool // the leader was asked, and was silent or had no answer
	value    string
	revision uint64 // of what was found, or of the marker of its deletion
	put      time.Time
	err      error
}

// ask reads a row from the broker and keeps what the broker refuses.
func (m *mirror) ask(ctx context.Context, key string) answer {
	got, err := m.source.ReadKey(ctx, m.bucket, key)
	m.noteRefusal(got, err)
	a := answer{
		replica: got.Replica, late: got.Replica && len(got.Denied) == 0,
		value: string(got.Entry.Value), revision: got.Entry.Revision, put: got.Entry.Created,
	}
	switch {
	case err == nil:
		a.is = found
	case errors.Is(err, jetstream.ErrKeyDeleted):
		a.is = deleted
	case errors.Is(err, jetstream.ErrKeyNotFound):
		a.is = absent
	case errors.Is(err, jetstream.ErrBucketNotFound):
		a.is = noBucket
	default:
		a.err = fmt.Errorf("settings: %w", err)
	}
	return a
}

// noteRefusal tells each refused subject once, until the leader has answered. An
// error of the way there says nothing about it.
func (m *mirror) noteRefusal(got retry.KVAnswer, err error) {
	switch {
	case errors.Is(err, nats.ErrPermissionViolation):
		m.problem(causeRefused, fmt.Sprintf("the broker refuses to let this agent read single rows; allow its user to publish to "+
			"$JS.API.STREAM.MSG.GET.%s, or at least to $JS.API.DIRECT.GET.%[1]s", wire.BucketStream(m.bucket)))
	case got.Replica && len(got.Denied) > 0:
		m.problem(causeRefused, fmt.Sprintf("the broker refuses to let this agent ask the leader, so a replica is asked, which may be behind; "+
			"allow its user to publish to $JS.API.STREAM.MSG.GET.%s", wire.BucketStream(m.bucket)))
	case !got.Replica && isAnswer(err):
		m.problem(causeRefused, "")
	}
}

func isAnswer(err error) bool {
	return err == nil || errors.Is(err, jetstream.ErrKeyDeleted) || errors.Is(err, jetstream.ErrKeyNotFound) ||
		errors.Is(err, jetstream.ErrBucketNotFound)
}
