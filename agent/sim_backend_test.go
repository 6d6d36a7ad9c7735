package agent

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/kanade-go/kanade/agent/internal/events"
	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/retry"
	"github.com/kanade-go/kanade/retry/jstest"
)

// backend sends the orders, sends them again until it sees their results, and
// keeps what RESULTS has stored.
type backend struct {
	s      *sim
	client *jstest.Client
	sub    retry.Subscription
	ended  chan struct{}
	loop   sync.WaitGroup
	// observed is what OBS_EVENTS has in the end.
	observed []wire.ObsEvent
	stock    stock // guarded by sim.mu, as the next
	emptied  bool  // the store of scripts is gone, or was
}

func newBackend(s *sim) *backend {
	return &backend{s: s, client: s.broker.NewClient(), ended: make(chan struct{}), stock: stock{}}
}

func (b *backend) start() {
	b.createStreams()
	var err error
	b.sub, err = b.client.Conn().Subscribe(wire.ResultsFilter(), 1<<16, b.see)
	must(err)
	pause := between(b.s.dice("resend"), 20*time.Second, 3*time.Minute)
	b.loop.Go(func() {
		for {
			select {
			case <-b.ended:
				return
			case <-time.After(pause):
				b.resend()
			}
		}
	})
}

func (b *backend) stop() {
	close(b.ended)
	b.loop.Wait()
	must(b.sub.Stop())
	b.harvest()
	for _, m := range b.messages(wire.StreamObsEvents) {
		e, err := wire.DecodeObsEvent(m.Data)
		must(err)
		b.observed = append(b.observed, e)
		if e.Source == events.Source {
			b.s.happened("observed: " + e.Kind)
		}
	}
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func (b *backend) see(m *nats.Msg) {
	r, err := wire.DecodeResult(m.Data)
	if err != nil {
		b.s.problem("a result that nobody can read: %s", m.Data)
		return
	}
	b.s.note("result of %s: %d", r.RequestID, r.ExitCode)
	o := b.s.orderOr(r)
	if o == nil {
		b.s.problem("a result of an order that nobody gave: %s", m.Data)
		return
	}
	b.s.mu.Lock()
	defer b.s.mu.Unlock()
	o.answered = true
	if o.of != nil && o.of.once() && r.ExitCode == 0 {
		o.of.done = true
	}
}

func (s *sim) order(id string) *order {
	for _, o := range s.plan.orders {
		if o.id == id {
			return o
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fires[id]
}

// orderOr is the order, or the fire, that a result is of.
func (s *sim) orderOr(r wire.Result) *order {
	if o := s.order(r.RequestID); o != nil {
		return o
	}
	return s.fire(r.RequestID, r.ManifestID, nil)
}

// send publishes a variant of an order to whoever listens and to EXEC, if it is
// there.
func (b *backend) send(o *order, variant int) {
	b.storeScript(o, variant)
	b.s.mu.Lock()
	data := o.encoded(variant, b.s.began)
	b.s.mu.Unlock()
	must(b.client.Conn().Publish(&nats.Msg{Subject: o.subject, Data: data}))
}

// resend sends the same bytes of everything that was sent and has no result yet.
func (b *backend) resend() {
	for _, o := range b.s.plan.orders {
		b.s.mu.Lock()
		due := len(o.variants) > 0 && !o.answered && !o.once
		b.s.mu.Unlock()
		if due {
			b.s.note("send %s again", o.id)
			b.send(o, 0)
		}
	}
}

// duplicate sends an order again, answered or not, unless it was to be sent once.
func (b *backend) duplicate(o *order) {
	if !o.once {
		b.s.happened("fault: duplicate")
		b.send(o, 0)
	}
}

func (b *backend) conflict(o *order) {
	b.s.happened("fault: conflict")
	b.send(o, 1)
}

func (b *backend) kill(o *order) {
	b.s.happened("fault: kill")
	must(b.client.Conn().Publish(&nats.Msg{Subject: wire.KillSubject(o.execID)}))
}

func (b *backend) createStreams() {
	for _, spec := range wire.Streams() {
		_, err := b.client.JetStream().CreateStream(context.Background(), jetstream.StreamConfig{
			Name: spec.Name, Subjects: spec.Subjects, MaxAge: spec.MaxAge, MaxMsgsPerSubject: spec.MaxMsgsPerSubject,
		})
		must(err)
	}
	for _, spec := range wire.Buckets() {
		_, err := b.client.JetStream().CreateKeyValue(context.Background(), jetstream.KeyValueConfig{Bucket: spec.Name})
		if !errors.Is(err, jetstream.ErrBucketExists) {
			must(err)
		}
	}
	b.createScripts()
}

func (b *backend) deleteStream(name string) {
	b.s.happened("fault: stream " + name + " deleted")
	if name == wire.StreamResults {
		b.harvest() // what was stored counts
	}
	err := b.client.JetStream().DeleteStream(context.Background(), name)
	if !errors.Is(err, jetstream.ErrStreamNotFound) {
		must(err)
	}
}

func (b *backend) deleteConsumer() {
	b.s.happened("fault: consumer deleted")
	err := b.client.JetStream().DeleteConsumer(context.Background(), wire.StreamExec, wire.ReplayConsumer(simPCID))
	if !errors.Is(err, jetstream.ErrConsumerNotFound) && !errors.Is(err, jetstream.ErrStreamNotFound) {
		must(err)
	}
}

// harvest adds to each order the results that RESULTS has stored.
func (b *backend) harvest() {
	for _, m := range b.messages(wire.StreamResults) {
		r, err := wire.DecodeResult(m.Data)
		if err != nil {
			continue // a problem already
		}
		if o := b.s.orderOr(r); o != nil {
			o.results, o.raw = append(o.results, r), append(o.raw, string(m.Data))
		}
	}
}

func (b *backend) messages(name string) (all []*jetstream.RawStreamMsg) {
	ctx := context.Background()
	stream, err := b.client.JetStream().Stream(ctx, name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil
	}
	must(err)
	state := stream.CachedInfo().State
	for seq := state.FirstSeq; seq <= state.LastSeq; seq++ {
		if m, err := stream.GetMsg(ctx, seq); err == nil {
			all = append(all, m)
		}
	}
	return all
}
