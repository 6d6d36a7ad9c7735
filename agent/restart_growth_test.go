//go:build unix

package agent_test

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/nats-io/nats.go/jetstream"
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
	a, err := agent.New(cfg, agent.WithLogger(slog.New(slog.DiscardHandler)), agent.WithHandler("count", handler, agent.ReportInterrupted))
	require.NoError(t, err)
	r.agent = a
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	t.Cleanup(func() { cancel(); require.NoError(t, <-ended) })
	ready(t, a)

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
	r.patiently(func(ctx context.Context) bool { return r.stored(ctx, id) && r.agent.Status().Results.Pending == 0 }, "result of "+id)
	require.EqualValues(r.t, r.done, r.ran.Load(), "%s", id)
}

func (r *restarts) stored(ctx context.Context, id string) bool {
	stream, err := r.js.Stream(ctx, wire.StreamResults)
	if err != nil {
		return false
	}
	info, err := stream.Info(ctx, jetstream.WithSubjectFilter(wire.ResultSubject(id)))
	return err == nil && info.State.Subjects[wire.ResultSubject(id)] == 1
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

// mark takes the least of several looks: what is on its way is not held.
func (r *restarts) mark() mark {
	r.t.Helper()
	m := mark{name: fmt.Sprintf("%d restarts", r.done), commands: r.done, heap: 1 << 62, goroutines: 1 << 30, files: 1 << 30}
	for looks := time.NewTicker(50 * time.Millisecond); m.consumers < 20; m.consumers++ {
		<-looks.C
		runtime.GC()
		var mem runtime.MemStats
		runtime.ReadMemStats(&mem)
		m.heap, m.goroutines = min(m.heap, int(mem.HeapAlloc)), min(m.goroutines, runtime.NumGoroutine())
		m.files = min(m.files, openFiles())
	}
	m.consumers = 0
	streams := r.js.ListStreams(r.t.Context())
	for info := range streams.Info() {
		m.consumers += info.State.Consumers
	}
	require.NoError(r.t, streams.Err())
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
	first, last := r.marks[0], r.marks[len(r.marks)-1]
	require.LessOrEqual(r.t, last.goroutines, first.goroutines+routineSlack, "goroutines")
	require.LessOrEqual(r.t, last.files, first.files+fileSlack, "open files")
	require.LessOrEqual(r.t, last.heap, first.heap+heapSlack+heapCommand*(last.commands-first.commands), "heap")
	for _, m := range r.marks {
		require.Equal(r.t, 1, m.consumers, "consumers after %s", m.name)
	}
}
