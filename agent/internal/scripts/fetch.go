package scripts

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/retry"
)

// bring makes a script local, one at a time for each object and digest: to be used now, in memory at least, or to be kept on
// disk. ErrNotKept says that only the first was possible.
func (c *Cache) bring(ctx context.Context, object, digest string, to whereabouts) error {
	release, err := c.turns.take(ctx, digest+" "+object)
	if err != nil {
		return fmt.Errorf("scripts: wait for the fetch of object %.80q: %w", object, err)
	}
	defer release()
	script, found, err := c.local(digest)
	if err != nil {
		return c.refuse(fmt.Errorf("scripts: object %.80q: %w", object, err))
	}
	if found >= to {
		return nil
	}
	if found == nowhere {
		if script, err = c.fetch(ctx, object, digest); err != nil {
			return err
		}
	}
	if to == inMemory {
		c.shelf.put(digest, script)
	}
	return c.keep(ctx, digest, script)
}

// fetch gets a script from the object store.
func (c *Cache) fetch(ctx context.Context, object, digest string) (string, error) {
	var text *strings.Builder
	_, err := answer(ctx, c, object, func(ctx context.Context) (*jetstream.ObjectInfo, error) {
		select {
		case c.places <- struct{}{}:
			defer func() { <-c.places }()
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		opts := append([]retry.Option{retry.WithMissingIsAnswer()}, c.waiting...)
		return retry.ReadObject(ctx, c.objects, wire.StoreScripts, object, func(info *jetstream.ObjectInfo) (io.Writer, error) {
			if err := checkInfo(info, digest); err != nil {
				return nil, &refusal{err}
			}
			text = &strings.Builder{}
			text.Grow(int(info.Size))
			return text, nil
		}, opts...)
	})
	switch {
	case err != nil:
		return "", err
	case !utf8.ValidString(text.String()):
		return "", c.refuse(fmt.Errorf("scripts: object %.80q: %w", object, ErrNotText))
	}
	c.counters.fetched.Add(1)
	return text.String(), nil
}

// checkInfo refuses an object before its first byte is read.
func checkInfo(info *jetstream.ObjectInfo, digest string) error {
	if info.Size > MaxScript {
		return fmt.Errorf("%w: it has %d bytes, a script has at most %d", ErrTooLarge, info.Size, MaxScript)
	}
	found, err := ParseDigest(info.Digest)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrDigest, err)
	}
	if found != digest {
		return fmt.Errorf("%w: its SHA-256 is %s, the command wants %s", ErrDigest, found, digest)
	}
	return nil
}

// refusal is our own no, which needs no more words of those who pass it on.
type refusal struct{ error }

func (r *refusal) Unwrap() error { return r.error }

// Digest asks the store for the digest of an object, as 64 lower-case hexadecimal digits. It waits as a fetch does.
func (c *Cache) Digest(ctx context.Context, object string) (string, error) {
	if err := checkNames(object, strings.Repeat("0", digestLen)); err != nil {
		return "", c.refuse(err)
	}
	info, err := answer(ctx, c, object, func(ctx context.Context) (*jetstream.ObjectInfo, error) {
		ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
		defer cancel()
		return c.objects.ObjectInfo(ctx, wire.StoreScripts, object)
	})
	if err != nil {
		return "", err
	}
	digest, err := ParseDigest(info.Digest)
	if err != nil {
		return "", c.refuse(fmt.Errorf("scripts: object %.80q: %w: %w", object, ErrDigest, err))
	}
	return digest, nil
}

// lookupTimeout is the deadline of one request for a description, which has some hundred bytes.
const lookupTimeout = 5 * time.Second

// newStoreGrace is how long an object may be missing in a store that has just been created, or behind a broker that has just
// come back: it may have come back without its data, and whoever creates the store again still has to fill it.
const newStoreGrace = time.Minute

// pace is the pace of attempts. A reconnect ends a pause, so it matters for a store that is not there, and for a broker that
// does not answer.
var pace = retry.Backoff{Min: time.Second, Max: 30 * time.Second, Factor: 2, Jitter: 0.25}

// answer repeats op until the store answers it.
func answer[T any](ctx context.Context, c *Cache, object string, op func(context.Context) (T, error)) (T, error) {
	filling := grace{news: c.connection()}
	opts := append([]retry.Option{retry.WithAttemptTimeout(0)}, c.waiting...)
	value, err := retry.Forever(ctx, fmt.Sprintf("script object %.80q", object), func(ctx context.Context) (T, error) {
		value, err := op(ctx)
		return value, filling.judge(err)
	}, opts...)
	if err == nil || ctx.Err() != nil {
		return value, err
	}
	return value, c.refuse(fmt.Errorf("scripts: object %.80q: %w", object, reason(err)))
}

// connection is closed when the connection comes or goes; nil: nobody knows.
func (c *Cache) connection() <-chan struct{} {
	if c.transport == nil {
		return nil
	}
	_, changed := c.transport.State()
	return changed
}

// grace is given to a store that was not there at first.
type grace struct {
	news  <-chan struct{} // of the connection
	given bool
	since time.Time // of the store's first answer
}

// judge marks as permanent what no wait would change. A mark that is already there is taken off a store that is missing.
func (g *grace) judge(err error) error {
	switch {
	case errors.Is(err, jetstream.ErrBucketNotFound):
		g.given, g.since = true, time.Time{}
		return jetstream.ErrBucketNotFound
	case errors.Is(err, nats.ErrConnectionClosed), errors.Is(err, nats.ErrConnectionDraining):
		return errors.New("the connection is over: " + err.Error()) // the agent ends: nothing was said about the object
	case !errors.Is(err, jetstream.ErrObjectNotFound):
		return permanentIfBad(err)
	case !g.isGiven():
		return retry.Permanent(err)
	case g.since.IsZero():
		g.since = time.Now()
	}
	if time.Since(g.since) < newStoreGrace {
		return jetstream.ErrObjectNotFound
	}
	return retry.Permanent(err)
}

func (g *grace) isGiven() bool {
	select {
	case <-g.news:
		return true
	default:
		return g.given
	}
}

func permanentIfBad(err error) error {
	if errors.Is(err, jetstream.ErrBadObjectMeta) {
		return retry.Permanent(err)
	}
	return err
}

// reason puts what the readers below say into this package's terms.
func reason(err error) error {
	var ours *refusal
	switch {
	case errors.As(err, &ours):
		return ours.error
	case errors.Is(err, jetstream.ErrObjectNotFound):
		return fmt.Errorf("%w %q", ErrMissing, wire.StoreScripts)
	case errors.Is(err, retry.ErrObjectDamaged), errors.Is(err, jetstream.ErrBadObjectMeta):
		return fmt.Errorf("%w: %w", ErrDigest, err)
	}
	return err
}
