package retry

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// KVAnswer is what ReadKey has found out.
type KVAnswer struct {
	// Entry of the key; with jetstream.ErrKeyDeleted revision and time of the marker that ended it, and no value.
	Entry Entry

	// Replica says that the leader did not answer and another server of the stream did, which may be behind: what a writer
	// has been told is stored may not be there yet.
	Replica bool

	Requests int      // what it took
	Denied   []Denial // subjects that were refused although there is an answer
}

// ReadKey reads one exact key from the leader of the bucket's stream, by one request to
// $JS.API.STREAM.MSG.GET.KV_<bucket>. Unlike a view it has everything that any writer has been told is stored, and it tells
// a key that was deleted from one that was never put. Where the leader does not answer, within half of the time that ctx
// leaves and at most DefaultAttemptTimeout, or the subject is refused, it asks any replica by the direct gets that ReadKV
// uses, and says so with KVAnswer.Replica. A refusal is remembered for as long as the connection stands, 10 min at most.
//
// What the bucket says is jetstream.ErrKeyNotFound: nothing was ever put, or it is not stored any more;
// jetstream.ErrKeyDeleted: the newest message of the key deletes or purges it, or says that it has expired;
// jetstream.ErrBucketNotFound: there is no such bucket. With KVAnswer.Replica the last is weaker: the leader may not be
// asked, and no replica answers, as while a stream has no server that runs, or does not allow direct gets.
//
// Every other error means that nothing is known: nats.ErrPermissionViolation (of the direct gets, too),
// nats.ErrDisconnected, also at once when there is no connection, nats.ErrNoResponders (no JetStream),
// context.DeadlineExceeded and ctx's own, a *jetstream.APIError. Names that none can have are
// jetstream.ErrInvalidBucketName and jetstream.ErrInvalidKey, patterns included.
func (r *DirectReader) ReadKey(ctx context.Context, bucket, key string) (KVAnswer, error) {
	k := &kvRead{r: r, bucket: bucket, timeout: leaderTime(ctx), patterns: []string{key}}
	a, err := k.readKey(ctx, key)
	a.Requests, a.Denied = k.requests, k.denied
	if err != nil {
		err = fmt.Errorf("retry: read %s from kv %s: %w", quoted(key), quoted(bucket), err)
	}
	return a, err
}

// leaderTime leaves as much for a replica.
func leaderTime(ctx context.Context) time.Duration {
	deadline, ok := ctx.Deadline()
	if !ok {
		return DefaultAttemptTimeout
	}
	return max(min(time.Until(deadline)/2, DefaultAttemptTimeout), time.Millisecond)
}

func (k *kvRead) readKey(ctx context.Context, key string) (KVAnswer, error) {
	if err := k.checkKey(key); err != nil {
		return KVAnswer{}, err
	}
	if connected, _ := k.r.t.State(); !connected {
		return KVAnswer{}, nats.ErrDisconnected
	}
	m, leaderErr := k.askLeader(ctx, key)
	if leaderErr == nil || isSaid(leaderErr) {
		return answerOf(m, false, leaderErr)
	}
	if ctx.Err() != nil || errors.Is(leaderErr, nats.ErrDisconnected) {
		return KVAnswer{}, leaderErr
	}
	m, err := k.askReplica(ctx, key)
	if err == nil || isSaid(err) {
		k.note(k.leaderSubject(), leaderErr)
		return answerOf(m, true, err)
	}
	refused := errors.Is(leaderErr, nats.ErrPermissionViolation)
	if refused && errors.Is(err, nats.ErrNoResponders) {
		k.note(k.leaderSubject(), leaderErr)
		return KVAnswer{Replica: true}, fmt.Errorf("%w: %w", jetstream.ErrBucketNotFound, err)
	}
	return KVAnswer{}, fmt.Errorf("from its leader: %w; from a replica: %w", leaderErr, err)
}

func (k *kvRead) checkKey(key string) error {
	if err := checkBucket(k.bucket); err != nil {
		return err
	}
	if !isExact(key) {
		return fmt.Errorf("%w: %s is a pattern", jetstream.ErrInvalidKey, quoted(key))
	}
	return checkPattern(key)
}

// note keeps a refusal that another way has made up for.
func (k *kvRead) note(subject string, err error) {
	if errors.Is(err, nats.ErrPermissionViolation) {
		k.denied = append(k.denied, Denial{Subject: subject, Err: err})
	}
}

// isSaid reports that the error is what a server of the stream says of the key.
func isSaid(err error) bool {
	return errors.Is(err, errNoMessage) || errors.Is(err, jetstream.ErrBucketNotFound)
}

func answerOf(m kvMessage, replica bool, err error) (KVAnswer, error) {
	a := KVAnswer{Entry: m.entry, Replica: replica}
	switch {
	case errors.Is(err, errNoMessage):
		return a, jetstream.ErrKeyNotFound
	case err == nil && m.gone:
		a.Entry.Value = nil
		return a, jetstream.ErrKeyDeleted
	}
	return a, err
}

// askReplica uses the subject without the key, or the one with it where that is all that the role may.
func (k *kvRead) askReplica(ctx context.Context, key string) (kvMessage, error) {
	m, err := k.single(ctx, k.plainSubject(), directGet{LastFor: k.subject(key)})
	if errors.Is(err, nats.ErrPermissionViolation) {
		refused := err
		if m, err = k.single(ctx, k.plainSubject()+"."+k.subject(key), directGet{}); err == nil || isSaid(err) {
			k.note(k.plainSubject(), refused)
		}
	}
	if err != nil {
		return kvMessage{}, err
	}
	_, err = m.keyOf(k.bucket, k.patterns)
	return m, err
}
