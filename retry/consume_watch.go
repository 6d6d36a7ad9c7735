package retry

import (
	"context"
	"reflect"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// leaderElectedPrefix starts the subject on which a server announces that it leads a consumer, to the consumer's account.
const leaderElectedPrefix = "$JS.EVENT.ADVISORY.CONSUMER.LEADER_ELECTED."

// watch looks for a reason to open the consumer again.
type watch struct {
	of      *consumption
	link    <-chan struct{} // of the connection, from before the consumer was asked for
	cfg     jetstream.ConsumerConfig
	changed <-chan struct{} // of cfg
	elected chan struct{}
	due     <-chan time.Time // when to ask for cfg again; nil: the consumer is as cfg wants it
}

func (c *consumption) newWatch() *watch { return &watch{of: c, elected: make(chan struct{}, 1)} }

// look takes the present state as the one that is asked for next, so that nothing falls between asking and watching.
func (w *watch) look() {
	if t := w.of.o.transport; t != nil {
		_, w.link = t.State()
	}
	w.cfg, w.changed = w.of.cfg()
}

// start watches until ctx ends, and ends it with the reason. The returned function waits for that.
func (w *watch) start(ctx context.Context, end context.CancelCauseFunc, info *jetstream.ConsumerInfo) (wait func()) {
	election := w.hearElections(info)
	var running sync.WaitGroup
	running.Go(func() { w.run(ctx, end) })
	return func() {
		end(nil)
		running.Wait()
		if election != nil {
			_ = election.Stop() // it belongs to a connection that is gone, or is gone itself
		}
	}
}

func (w *watch) run(ctx context.Context, end context.CancelCauseFunc) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.link:
			var connected bool
			if connected, w.link = w.of.o.transport.State(); connected {
				end(errReconnected)
				return
			}
		case <-w.changed:
			var cfg jetstream.ConsumerConfig
			if cfg, w.changed = w.of.cfg(); !reflect.DeepEqual(cfg, w.cfg) {
				end(errConfigChanged)
				return
			}
		case <-w.elected:
			end(errElected)
			return
		case <-w.due:
			end(errAskAgain)
			return
		}
	}
}

// hearElections subscribes to the notice that a server has become the leader of the consumer: it knows nothing of the
// pulls that its predecessor had, and when that was killed nobody says so. It is a hint: where the account may not hear
// it, the missing heartbeats tell. A consumer on one server has no elections.
func (w *watch) hearElections(info *jetstream.ConsumerInfo) Subscription {
	t := w.of.o.transport
	if t == nil || info == nil || info.Cluster == nil || len(info.Cluster.Replicas) == 0 {
		return nil
	}
	subject := leaderElectedPrefix + info.Stream + "." + info.Name
	sub, err := t.Subscribe(subject, 1, func(*nats.Msg) {
		select {
		case w.elected <- struct{}{}:
		default: // one is enough
		}
	})
	if err != nil {
		w.of.o.log.Debug("elections are not listened for", "subject", subject, "error", err)
		return nil
	}
	return sub
}
