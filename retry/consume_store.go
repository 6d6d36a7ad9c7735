package retry

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// consumerDeleter is an ability that a ConsumerSource may have; jetstream.JetStream has it.
type consumerDeleter interface {
	DeleteConsumer(ctx context.Context, stream, name string) error
}

// remakeBackoff spaces the deletions of one consumer by Consume: the cause may be another program, and come back.
var remakeBackoff = Backoff{Min: 4 * time.Second, Max: time.Minute, Factor: 2, Jitter: 0.25}

// The server gives the error of its file system as it is, with the code that it has for any refusal; nats-server 2.15:
//
//	500 10012 open /data/jetstream/$G/streams/WORK/obs/reader/meta.inf.tmp: no such file or directory
var storeFiles = []string{"meta.inf", "meta.sum", "meta.key"}

// Unix, Windows and Wine. Windows may speak another language, when it has no English one: that is not recognised.
var folderGone = []string{"no such file or directory", "the system cannot find the path specified", "path not found"}

// storeFailed reports that the server could not write what a consumer is to be. The consumer goes on as it was.
func storeFailed(err error) bool { return len(storeErrors(err)) > 0 }

// folderLost reports that the server has nowhere to write it any more. A full disk, a refused permission and every other
// failure pass, and the consumer's place is still there after them; this one does not pass, and its place is in the
// server's memory only.
func folderLost(err error) bool {
	return slices.ContainsFunc(storeErrors(err), func(text string) bool {
		return slices.Contains(folderGone, strings.ToLower(strings.TrimSuffix(text, ".")))
	})
}

// storeErrors is what a refusal says after the name of a file of the consumer's store.
func storeErrors(err error) (texts []string) {
	var refusal *jetstream.APIError
	if !errors.As(err, &refusal) || refusal.ErrorCode != jetstream.JSErrCodeConsumerCreate {
		return nil
	}
	for _, file := range storeFiles {
		before, text, found := strings.Cut(strings.Replace(refusal.Description, file+".tmp: ", file+": ", 1), file+": ")
		if found && (strings.HasSuffix(before, "/") || strings.HasSuffix(before, `\`)) {
			texts = append(texts, text)
		}
	}
	return texts
}

// withoutStore goes on after the server could not store an update of the existing consumer.
func (c *consumption) withoutStore(ctx context.Context, cfg jetstream.ConsumerConfig, existing jetstream.Consumer, refusal error) (jetstream.Consumer, error) {
	if serves(existing.CachedInfo().Config, cfg) {
		c.tellUnstored(refusal)
		return existing, nil
	}
	deleter, ok := c.js.(consumerDeleter)
	if !ok || !folderLost(refusal) || time.Now().Before(c.mayDelete) {
		return nil, refusal
	}
	if err := c.remove(ctx, deleter, cmp.Or(cfg.Name, cfg.Durable)); err != nil {
		return nil, fmt.Errorf("%w (delete %s, to make it anew: %w)", refusal, c.what(), err)
	}
	c.o.log.Warn("the server has lost what it stored of a consumer and would not change it any more; it was deleted and is made anew, "+
		"and begins where its configuration says", "what", c.what(), "error", refusal)
	if err := c.awaitRemoval(ctx); err != nil {
		return nil, err
	}
	return c.js.CreateOrUpdateConsumer(ctx, c.stream, cfg)
}

// tellUnstored says once for each consumer that it is used although the server cannot store it.
func (c *consumption) tellUnstored(refusal error) {
	if c.unstored {
		return
	}
	c.unstored = true
	c.o.log.Warn("the server cannot store the consumer, which is as it should be; it is used as it is, and may begin anew after the server's restart",
		"what", c.what(), "error", refusal)
}

// remove deletes the consumer. That it may have been deleted counts also when nobody answers.
func (c *consumption) remove(ctx context.Context, js consumerDeleter, name string) error {
	c.deletions++
	c.removed = time.Now()
	c.mayDelete = c.removed.Add(remakeBackoff.Jittered(c.deletions))
	err := js.DeleteConsumer(ctx, c.stream, name)
	c.removed = time.Now()
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		return nil
	}
	return err
}

// awaitRemoval leaves a deleted consumer alone for the removalTime.
func (c *consumption) awaitRemoval(ctx context.Context) error {
	if c.removed.IsZero() {
		return nil
	}
	wait := time.Until(c.removed.Add(removalTime))
	if wait > 0 {
		timer := time.NewTimer(wait + c.o.spread())
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return fmt.Errorf("%s was deleted, and the server has to remove it first: %w", c.what(), ctx.Err())
		}
	}
	c.removed = time.Time{}
	return nil
}
