package retry

import (
	"context"
	"time"
)

// connectionWait is how long an attempt waits for a lost connection before it is made all the same: the transport may be
// wrong about its state, and an attempt that fails costs no more than the wait.
const connectionWait = 5 * time.Second

// awaitConnection returns when t is connected, or was not for connectionWait, together with the channel that tells of the
// next change since. It returns the context's error, also when that was done before.
func awaitConnection(ctx context.Context, t Transport) (changed <-chan struct{}, err error) {
	if ctx.Err() != nil || t == nil {
		return nil, ctx.Err()
	}
	connected, changed := t.State()
	if connected {
		return changed, nil
	}
	timer := time.NewTimer(connectionWait)
	defer timer.Stop()
	for !connected {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-timer.C:
			return changed, nil
		case <-changed:
			connected, changed = t.State()
		}
	}
	return changed, nil
}

// pause sleeps for d. A connection that was made since changed was obtained ends it at once: changed is older than the
// attempt, so an edge during the attempt is not missed. News that the awaited thing exists starts the backoff over instead,
// reported as fresh: the server announces before it can answer, and a fleet that heard the same news should not ask in step.
func (o *options) pause(ctx context.Context, d time.Duration, changed <-chan struct{}) (fresh bool, err error) {
	if d <= 0 {
		return false, ctx.Err()
	}
	end, news := time.Now().Add(d), o.news
	timer := time.NewTimer(d)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return fresh, ctx.Err()
		case <-timer.C:
			return fresh, nil
		case <-changed:
			var connected bool
			if connected, changed = o.transport.State(); connected {
				return fresh, nil
			}
		case <-news:
			fresh, news = true, nil
			timer.Reset(min(o.backoff.Jittered(1), time.Until(end)))
		}
	}
}
