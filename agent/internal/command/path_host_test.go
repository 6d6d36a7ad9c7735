package command

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/kanade-go/kanade/agent/internal/delivery"
	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/exec"
	"github.com/kanade-go/kanade/outbox"
	"github.com/kanade-go/kanade/outbox/atomicfile/faultfs"
)

const crashResults = "/state/results"

// host is a machine with the whole way of a command on one disk, from its
// delivery over ledger and outbox to the broker's acknowledgement. What is beside
// the disk outlives a power cut.
type host struct {
	m *faultfs.Mutant

	mu      sync.Mutex
	sent    []wire.Command
	acked   map[string]bool
	runs    map[string]int
	results map[string][]string // payloads by result ID, each once
	life    *life
	drains  bool // all the time; otherwise only when everything else is at rest
}

// life is one process.
type life struct {
	ledger  *Ledger
	box     *outbox.Outbox
	service *Service
	in      chan delivery.Delivery
	cancel  context.CancelFunc
	loops   sync.WaitGroup
}

func newHost(m *faultfs.Mutant) *host {
	return &host{m: m, acked: map[string]bool{}, runs: map[string]int{}, results: map[string][]string{}}
}

// start is the agent's: first the ledger, then the box.
func (h *host) start() error {
	l := &life{in: make(chan delivery.Delivery)}
	var err error
	if l.ledger, _, err = OpenLedger(h.m, crashLedger, "PC-1", time.Now); err != nil {
		return err
	}
	agreed := func(ctx context.Context, r outbox.Record) error {
		return l.ledger.WaitFinished(ctx, l.ledger.KeyOf(r.Name))
	}
	if l.box, err = outbox.Open(crashResults, outbox.WithFS(h.m), outbox.WithWindow(1), outbox.WithBeforeRemove(agreed)); err != nil {
		return errors.Join(err, l.ledger.Close())
	}
	l.service = New(Config{
		PCID: "PC-1", Ledger: l.ledger, Sink: l.box, Shells: map[string]Shell{"sh": &fakeShell{run: h.run}},
		Events: &fakeEvents{}, Offline: func() time.Duration { return 0 }, Slots: 1, Now: time.Now,
		Logger: slog.New(slog.DiscardHandler),
	})
	h.life = l
	l.service.Recover()
	ctx, cancel := context.WithCancel(context.Background())
	l.cancel = cancel
	l.loops.Go(func() { _ = l.service.Admit(ctx, l.in) })
	l.loops.Go(func() { _ = l.service.Perform(ctx, time.Second) })
	if h.drains {
		l.loops.Go(func() { _ = l.box.Drain(ctx, h) })
	}
	return nil
}

// end is an orderly stop, as far as the disk lets it.
func (h *host) end() error {
	l := h.life
	h.life = nil
	if l == nil {
		return nil
	}
	if l.cancel != nil {
		close(l.in)
		l.cancel()
		l.loops.Wait()
	}
	return errors.Join(l.box.Close(), l.ledger.Close())
}

func (h *host) restart() error {
	if err := h.end(); err != nil {
		return err
	}
	return h.start()
}

func (h *host) run(_ context.Context, c wire.Command, _ int) (exec.Outcome, error) {
	err := h.m.Do("run", func() error {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.runs[c.RequestID]++
		return nil
	})
	return exited(0, "ran "+c.RequestID), err
}

// PublishMsg is the results' stream.
func (h *host) PublishMsg(_ context.Context, m *nats.Msg, _ ...jetstream.PublishOpt) (*jetstream.PubAck, error) {
	err := h.m.Do("publish", func() error {
		h.mu.Lock()
		defer h.mu.Unlock()
		id := m.Header.Get(jetstream.MsgIDHeader)
		if !slices.Contains(h.results[id], string(m.Data)) {
			h.results[id] = append(h.results[id], string(m.Data))
		}
		return nil
	})
	return &jetstream.PubAck{Stream: "RESULTS"}, err
}

// delivers hands commands over together, so that they share a batch, and lets
// everything come to rest.
func (h *host) delivers(commands ...wire.Command) func() error {
	return func() error {
		var batch []delivery.Delivery
		for _, c := range commands {
			data, err := c.Encode()
			if err != nil {
				return err
			}
			h.note(c)
			batch = append(batch, delivery.Delivery{Data: data, Subject: "commands.pc.PC-1", Source: delivery.Replay, Settle: h.settler(c.RequestID)})
		}
		h.life.service.admit.admit(context.Background(), batch)
		return h.rest()
	}
}

func (h *host) note(c wire.Command) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !slices.ContainsFunc(h.sent, func(o wire.Command) bool { return o.RequestID == c.RequestID }) {
		h.sent = append(h.sent, c)
	}
}

func (h *host) settler(id string) func(delivery.Settlement) {
	return func(s delivery.Settlement) {
		if s != delivery.Ack {
			return
		}
		_ = h.m.Do("ack", func() error {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.acked[id] = true
			return nil
		})
	}
}

// rest lets time pass for what happens by itself. What can still not be done
// then is the scenario's failure.
func (h *host) rest() error {
	time.Sleep(time.Minute)
	synctest.Wait()
	if !h.drains {
		if _, err := h.life.box.Flush(context.Background(), h); err != nil {
			return err
		}
	}
	if h.m.Cut() {
		return faultfs.ErrPowerCut
	}
	return h.complete()
}
