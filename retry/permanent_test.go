package retry

import (
	"context"
	"fmt"
	"io"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
)

func TestPermanentKeepsTheErrorAndAddsTheMark(t *testing.T) {
	t.Parallel()
	require.NoError(t, Permanent(nil))
	require.False(t, IsPermanent(nil))
	require.False(t, IsPermanent(io.EOF))

	err := fmt.Errorf("outer: %w", Permanent(io.EOF))
	require.True(t, IsPermanent(err))
	require.ErrorIs(t, err, io.EOF)
	require.EqualError(t, err, "outer: EOF")
	require.Equal(t, err, Permanent(err), "marked once")
}

func TestClassify(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		err   error
		final bool
	}{
		"nothing":                   {nil, false},
		"bucket missing":            {jetstream.ErrBucketNotFound, false},
		"stream missing":            {jetstream.ErrStreamNotFound, false},
		"stream missing, as sent":   {&jetstream.APIError{Code: 404, ErrorCode: jetstream.JSErrCodeStreamNotFound}, false},
		"not a bucket (yet)":        {jetstream.ErrBadBucket, false},
		"no jetstream (yet)":        {jetstream.ErrJetStreamNotEnabled, false},
		"none for account (yet)":    {jetstream.ErrJetStreamNotEnabledForAccount, false},
		"consumer limit":            {jetstream.ErrMaximumConsumersLimit, false},
		"consumer refused":          {jetstream.ErrConsumerCreate, false},
		"no responders":             {nats.ErrNoResponders, false},
		"disconnected":              {nats.ErrDisconnected, false},
		"headers before connect":    {nats.ErrHeadersNotSupported, false},
		"attempt timed out":         {context.DeadlineExceeded, false},
		"timeout":                   {nats.ErrTimeout, false},
		"permission":                {nats.ErrPermissionViolation, false},
		"authorization":             {nats.ErrAuthorization, false},
		"bucket name":               {jetstream.ErrInvalidBucketName, true},
		"store name":                {jetstream.ErrInvalidStoreName, true},
		"stream name, wrapped":      {fmt.Errorf("%w: %q", jetstream.ErrInvalidStreamName, "a b"), true},
		"no stream name":            {jetstream.ErrStreamNameRequired, true},
		"consumer name":             {jetstream.ErrInvalidConsumerName, true},
		"filter subject":            {jetstream.ErrInvalidSubject, true},
		"overlapping, as sent":      {&jetstream.APIError{Code: 500, ErrorCode: jetstream.JSErrCodeOverlappingFilterSubjects}, true},
		"both filters, as sent":     {&jetstream.APIError{Code: 500, ErrorCode: jetstream.JSErrCodeDuplicateFilterSubjects}, true},
		"empty filter, as sent":     {&jetstream.APIError{Code: 500, ErrorCode: jetstream.JSErrCodeConsumerEmptyFilter}, true},
		"closed":                    {nats.ErrConnectionClosed, true},
		"closed, said by jetstream": {jetstream.ErrConnectionClosed, true},
		"draining":                  {nats.ErrConnectionDraining, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := classify(tt.err)
			require.Equal(t, tt.final, IsPermanent(got))
			require.ErrorIs(t, got, tt.err)
		})
	}
}
