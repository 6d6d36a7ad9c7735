package agenttest

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/kanade-go/kanade/agent"
	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/retry/jstest"
)

// PCID is the pc_id of the agent under test.
const PCID = "agenttest"

// patience is how long Send and Start wait for what normally takes
// milliseconds.
const patience = time.Minute

// Harness is a running agent over a fake broker.
type Harness struct {
	// Agent is the agent under test.
	Agent *agent.Agent
	// Fake is its broker, for tests that make it fail.
	Fake *jstest.Fake

	t       testing.TB
	results chan wire.Result
}

// Start runs an agent until the test ends. It logs to the test's output.
func Start(t testing.TB, opts ...agent.Option) *Harness {
	t.Helper()
	h := &Harness{Fake: jstest.NewFake(), t: t, results: make(chan wire.Result, 64)}
	h.createStreams()
	cfg := agent.DefaultConfig()
	cfg.ID, cfg.StateDir = PCID, t.TempDir()
	all := append([]agent.Option{
		agent.WithTransport(h.Fake.Conn(), h.Fake.JetStream()),
		agent.WithLogger(slog.New(slog.NewTextHandler(t.Output(), nil))),
	}, opts...)
	a, err := agent.New(cfg, all...)
	if err != nil {
		t.Fatalf("agenttest: %v", err)
	}
	h.Agent = a
	h.run()
	return h
}

func (h *Harness) createStreams() {
	for _, s := range wire.Streams() {
		_, err := h.Fake.JetStream().CreateStream(context.Background(), jetstream.StreamConfig{
			Name: s.Name, Subjects: s.Subjects, MaxAge: s.MaxAge, MaxMsgsPerSubject: s.MaxMsgsPerSubject,
		})
		if err != nil {
			h.t.Fatalf("agenttest: create stream %s: %v", s.Name, err)
		}
	}
	_, err := h.Fake.Conn().Subscribe(wire.ResultsFilter(), cap(h.results), func(m *nats.Msg) {
		if r, err := wire.DecodeResult(m.Data); err == nil {
			h.results <- r
		}
	})
	if err != nil {
		h.t.Fatalf("agenttest: subscribe to results: %v", err)
	}
}

func (h *Harness) run() {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- h.Agent.Run(ctx) }()
	h.t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			h.t.Errorf("agenttest: the agent ended with an error: %v", err)
		}
	})
	select {
	case <-h.Agent.Ready():
	case err := <-ended:
		ended <- err
		h.t.Fatalf("agenttest: the agent did not start: %v", err)
	case <-time.After(patience):
		h.t.Fatal("agenttest: the agent is not ready")
	}
}

// Send sends a command to the agent and returns its result. What the command
// leaves empty is filled: an ID, a version, a fresh request ID, a timeout of a
// minute.
func (h *Harness) Send(c wire.Command) wire.Result {
	h.t.Helper()
	c = withDefaults(c)
	data, err := c.Encode()
	if err != nil {
		h.t.Fatalf("agenttest: encode command: %v", err)
	}
	if err := h.Fake.Conn().Publish(&nats.Msg{Subject: wire.CommandsPC(PCID), Data: data}); err != nil {
		h.t.Fatalf("agenttest: send command: %v", err)
	}
	return h.await(c)
}

func (h *Harness) await(c wire.Command) wire.Result {
	h.t.Helper()
	deadline := time.After(c.Timeout() + patience)
	for {
		select {
		case r := <-h.results:
			if r.RequestID == c.RequestID {
				return r
			}
		case <-deadline:
			h.t.Fatalf("agenttest: no result of request %s", c.RequestID)
		}
	}
}

func withDefaults(c wire.Command) wire.Command {
	if c.ID == "" {
		c.ID = "agenttest"
	}
	if c.Version == "" {
		c.Version = "1"
	}
	if c.RequestID == "" {
		c.RequestID = uuid.NewString()
	}
	if c.TimeoutSecs == 0 {
		c.TimeoutSecs = 60
	}
	return c
}
