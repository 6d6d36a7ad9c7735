package settings

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/retry"
)

// broker reads single rows, with what a bucket's own reader does not tell: whether
// a row that is not there was deleted.
type broker struct{ streams retry.StreamSource }

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
	value    string
	revision uint64 // of what was found, or of the marker of its deletion
	put      time.Time
	err      error
}

// Headers of the markers that stand for a row that was deleted, or that expired.
const (
	operationHeader = "KV-Operation"
	reasonHeader    = "Nats-Marker-Reason"
)

// lacks reports that the broker says that it has no such bucket.
func (b broker) lacks(ctx context.Context, bucket string) bool {
	_, err := b.streams.Stream(ctx, wire.BucketStream(bucket))
	return errors.Is(err, jetstream.ErrStreamNotFound)
}

// read takes two requests: one for the bucket, one for the row.
func (b broker) read(ctx context.Context, bucket, key string) answer {
	st, err := b.streams.Stream(ctx, wire.BucketStream(bucket))
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return answer{is: noBucket}
	}
	if err != nil {
		return answer{err: fmt.Errorf("settings: open bucket %s: %w", bucket, err)}
	}
	m, err := st.GetLastMsgForSubject(ctx, wire.BucketSubject(bucket, key))
	switch {
	case errors.Is(err, jetstream.ErrMsgNotFound):
		return answer{is: absent}
	case err != nil:
		return answer{err: fmt.Errorf("settings: read %s from bucket %s: %w", key, bucket, err)}
	case m.Header.Get(operationHeader) != "" || m.Header.Get(reasonHeader) != "":
		return answer{is: deleted, revision: m.Sequence, put: m.Time}
	}
	return answer{is: found, value: string(m.Data), revision: m.Sequence, put: m.Time}
}
