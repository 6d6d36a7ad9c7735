package retry_test

import (
	"context"
	"fmt"
	"iter"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/retry"
)

// reply is one answer of a server to a direct get: of a key with a sequence, or a status, after a pause.
type reply struct {
	key      string
	sequence int
	status   string
	pending  string
	after    time.Duration
}

func (r reply) message() *nats.Msg {
	if r.status != "" {
		m := &nats.Msg{Header: nats.Header{"Status": {r.status}}}
		if r.pending != "" {
			m.Header["Nats-Num-Pending"] = []string{r.pending}
		}
		return m
	}
	return &nats.Msg{Data: []byte(r.key), Header: nats.Header{
		jetstream.SubjectHeader: {"$KV.b." + r.key}, jetstream.SequenceHeader: {strconv.Itoa(r.sequence)},
		jetstream.TimeStampHeaer: {time.Unix(int64(r.sequence), 0).UTC().Format(time.RFC3339Nano)},
	}}
}

// batchServer is a server that gives each batch that is asked for what is written down, and then nothing. The newest message
// of the bucket is the one with sequence 9.
type batchServer struct {
	retry.Transport
	batches  [][]reply
	requests int
}

func (a *batchServer) State() (bool, <-chan struct{}) { return true, nil }

func (a *batchServer) Request(context.Context, *nats.Msg) (*nats.Msg, error) {
	a.requests++
	return reply{key: "z", sequence: 9}.message(), nil
}

func (a *batchServer) RequestMany(ctx context.Context, _ *nats.Msg) iter.Seq2[*nats.Msg, error] {
	n := a.requests
	a.requests++
	return func(yield func(*nats.Msg, error) bool) {
		for _, r := range a.batches[min(n, len(a.batches)-1)] {
			time.Sleep(r.after)
			if ctx.Err() != nil {
				break
			}
			if r.status == "503" {
				yield(nil, nats.ErrNoResponders)
				return
			}
			if !yield(r.message(), nil) {
				return
			}
		}
		<-ctx.Done()
		yield(nil, fmt.Errorf("request: %w", ctx.Err()))
	}
}

// What is not whole is no view: a key that it lacks would look like one that was deleted.
func TestReaderBelievesWholeBatchesOnly(t *testing.T) {
	t.Parallel()
	a1, b3, end := reply{key: "a", sequence: 1}, reply{key: "b", sequence: 3}, reply{status: "204", pending: "0"}
	more := reply{status: "204", pending: "1"}
	after := func(d time.Duration, r reply) reply { r.after = d; return r }
	const slow, silent = 4 * time.Second, time.Minute
	for name, tc := range map[string]struct {
		batches [][]reply
		keys    int
		says    string // the error; empty: none
		is      error
	}{
		"whole":                     {batches: [][]reply{{a1, b3, end}}, keys: 2},
		"empty":                     {batches: [][]reply{{reply{status: "404"}}}},
		"nothing of many":           {batches: [][]reply{{end}}},
		"slow, but it comes":        {batches: [][]reply{{after(slow, a1), after(slow, b3), after(slow, end)}}, keys: 2},
		"in two pages":              {batches: [][]reply{{a1, more}, nil, {a1, more}, {b3, end}}, keys: 2},
		"a message twice":           {batches: [][]reply{{a1, a1, end}}, says: "malformed"},
		"out of order":              {batches: [][]reply{{b3, a1, end}}, says: "malformed"},
		"the first page again":      {batches: [][]reply{{a1, more}, nil, {a1, more}, {a1, end}}, says: "malformed"},
		"no end":                    {batches: [][]reply{{a1, b3}}, says: "no answer within 5s", is: context.DeadlineExceeded},
		"a silent middle":           {batches: [][]reply{{a1, after(silent, b3), end}}, says: "no answer within 5s", is: context.DeadlineExceeded},
		"an end that counts not":    {batches: [][]reply{{a1, reply{status: "204"}}}, says: "malformed"},
		"an end with a wrong count": {batches: [][]reply{{a1, reply{status: "204", pending: "-1"}}}, says: "malformed"},
		"cut off by nothing found":  {batches: [][]reply{{a1, reply{status: "404"}}}, says: "malformed"},
		"cut off by too many":       {batches: [][]reply{{a1, reply{status: "413"}}}, says: "malformed"},
		"cut off by bad request":    {batches: [][]reply{{a1, reply{status: "408"}}}, says: "malformed"},
		"cut off by no responders":  {batches: [][]reply{{a1, reply{status: "503"}}}, is: jetstream.ErrBucketNotFound},
		"another status":            {batches: [][]reply{{reply{status: "500"}}}, says: "500"},
		"a key of another bucket":   {batches: [][]reply{{reply{key: "a c", sequence: 1}, reply{key: "", sequence: 2}, end}}, says: "malformed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				src := &batchServer{batches: tc.batches}
				snap, err := retry.NewKVReader(src).ReadKV(t.Context(), retry.KVQuery{Bucket: "b", Keys: []string{"*"}})
				require.LessOrEqual(t, src.requests, 6)
				if tc.says == "" && tc.is == nil {
					require.NoError(t, err)
					require.Len(t, snap.Entries, tc.keys)
					return
				}
				require.Error(t, err)
				require.Empty(t, snap.Entries)
				require.ErrorContains(t, err, tc.says)
				if tc.is != nil {
					require.ErrorIs(t, err, tc.is)
				}
			})
		})
	}
}
