//go:build unix

package agent_test

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent"
	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/retry/jstest"
)

var agentRestarts = flag.Int("agent.restarts", 12, "restarts of the broker in TestAnAgentDoesNotGrowOverRestarts, at least 8; 200 for the full check")

// restarts is an agent whose broker goes and comes.
type restarts struct {
	*backend
	broker *jstest.Broker
	agent  *agent.Agent
	ran    atomic.Int64
	done   int
	marks  []mark
}

// An agent lives through many restarts of its broker, orderly ones and kills, and runs
// a command after each: nothing may add up, here or there.
func TestAnAgentDoesNotGrowOverRestarts(t *testing.T) {
	require.GreaterOrEqual(t, *agentRestarts, 8, "-agent.restarts")
	broker := jstest.StartBroker(t)
	r := &restarts{backend: newBackend(t, broker), broker: broker}
	r.putGroups("lab")
	handler := agent.HandlerFunc(func(context.Context, agent.Job) error { r.ran.Add(1); return nil })
	cfg := newConfig(t, broker.URL())
	r.agent, _ = startAgent(t, cfg, agent.WithLogger(slog.New(slog.DiscardHandler)), agent.WithHandler("count", handler, agent.ReportInterrupted))
	ready(t, r.agent)

	r.rounds(*agentRestarts / 4) // whatever is made once is made now
	for range 3 {
		r.marks = append(r.marks, r.mark())
		r.rounds(*agentRestarts / 4)
	}
	r.marks = append(r.marks, r.mark())
	t.Log(r.table())
	r.check()
}

func (r *restarts) rounds(n int) {
	r.t.Helper()
	for range n {
		if r.done%2 == 0 {
			r.broker.Stop()
		} else {
			r.broker.Kill()
		}
		r.broker.Start()
		r.done++
		r.runs(fmt.Sprintf("r-%d", r.done))
	}
}

// runs sends a command to the agent's group, which runs it once.
func (r *restarts) runs(id string) {
	r.t.Helper()
	data, err := wire.Command{ID: "job", Version: "1", RequestID: id, Shell: "count", Script: "x", TimeoutSecs: 60}.Encode()
	require.NoError(r.t, err)
	r.patiently(func(ctx context.Context) bool {
		_, err := r.js.Publish(ctx, wire.CommandsGroup("lab"), data)
		return err == nil
	}, "send "+id)
	r.patiently(func(ctx context.Context) bool {
		n, err := r.countResults(ctx, id)
		return err == nil && n == 1 && r.agent.Status().Results.Pending == 0
	}, "result of "+id)
	require.EqualValues(r.t, r.done, r.ran.Load(), "%s", id)
}

// patiently polls a broker that may still be on its way back.
func (r *restarts) patiently(done func(context.Context) bool, what string) {
	r.t.Helper()
	require.Eventually(r.t, func() bool {
		ctx, cancel := context.WithTimeout(r.t.Context(), 5*time.Second)
		defer cancel()
		return done(ctx)
	}, patience, 2*time.Millisecond, what)
}

func (r *restarts) mark() mark {
	r.t.Helper()
	m := held(fmt.Sprintf("%d restarts", r.done), r.done)
	m.consumers = r.consumers()
	return m
}

func (r *restarts) table() string {
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprint(w, "\nafter\tgoroutines\theap KiB\tfiles\tconsumers\t\n")
	for _, m := range r.marks {
		_, _ = fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t\n", m.name, m.goroutines, m.heap>>10, m.files, m.consumers)
	}
	_ = w.Flush() // into memory
	return text.String()
}

func (r *restarts) check() {
	r.t.Helper()
	r.marks[0].requireNoGrowth(r.t, r.marks[len(r.marks)-1], heapSlack)
	for _, m := range r.marks {
		require.Equal(r.t, 1, m.consumers, "consumers after %s", m.name)
	}
}
