package agent_test

import (
	"flag"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/wire"
)

var (
	herdSize = flag.Int("herd", 60, "how many agents TestAHerd has; 500 for the full check")
	herdRest = flag.Duration("herd.rest", 10*time.Second, "how long TestAHerd watches them at rest; 1m for the full check")
	herdDown = flag.Duration("herd.down", 0, "how long its broker stays away after every agent has noticed; 5s for the full check")
)

const (
	// settling is how long after a reconnect the reads may come that make sure of
	// the first ones.
	settling = 15 * time.Second
	// startTime is more than a broker takes to start: agents may find it before the
	// test does.
	startTime = time.Second
	// restRate is what an agent may cost while nothing happens, in requests/s.
	restRate = 0.2
)

// herdEvent is a row of the table.
type herdEvent struct {
	name        string
	requests    []int // of each agent, ascending
	connections int   // most of an agent
	burst       [2]int
	consumers   int
	syncs       int64              // of all agents, which share one disk
	goroutines  int                // of the whole process, at the end
	times       [3][]time.Duration // until connected, current, running a command
}

// TestAHerd counts what a fleet costs its broker through the events that reach all
// of it at once, and at rest. It asserts bounds on the work; times are printed.
func TestAHerd(t *testing.T) {
	n := *herdSize
	began := time.Now()
	h := newHerd(t, n)
	connected, has := h.current()
	start := h.settled("first start", census{}, began)
	start.times = [3][]time.Duration{since(began, connected), since(began, has)}

	put := h.globalPut()
	command := h.command()
	restart := h.restart()
	wipe := h.wipe()
	rest := h.rest()
	t.Log(h.table(start, put, command, restart, wipe, rest))

	requireAtMost(t, 35, start)
	requireAtMost(t, 14, put) // one or two, and a beat of all views of the agent, if it falls into the time
	require.LessOrEqual(t, mean(put.requests), 5.0, put.name)
	requireAtMost(t, 14, command)
	requireAtMost(t, 45, restart)
	requireAtMost(t, 70, wipe)
	require.LessOrEqual(t, mean(rest.requests), restRate*herdRest.Seconds(), "%s; TestAnAgentAtRest looks for hours", rest.name)
	for _, e := range []herdEvent{command, restart} {
		require.LessOrEqual(t, e.syncs, int64(6*n), "%s: a command is three lines in the ledger, and a result with its folder", e.name)
	}
	for _, e := range []herdEvent{start, put, command, restart, wipe, rest} {
		require.Len(t, e.requests, n, e.name)
		require.Equal(t, n, e.consumers, "%s: one durable consumer for each agent", e.name)
		require.Equal(t, 1, e.connections, "%s: connections of an agent since the broker's start", e.name)
		require.Less(t, e.goroutines, start.goroutines+n, "%s: goroutines pile up", e.name)
	}
}

func requireAtMost(t *testing.T, requests int, e herdEvent) {
	t.Helper()
	require.LessOrEqual(t, slices.Max(e.requests), requests, "requests of one agent: %s", e.name)
}

// settled waits for some of the reads that make sure, for all of them in the full check.
func (h *herd) settled(name string, before census, began time.Time) herdEvent {
	h.t.Helper()
	h.observe(min(settling, *herdRest/5))
	return h.event(name, before, began)
}

// event ends with a look at what the broker has counted since the census before.
func (h *herd) event(name string, before census, began time.Time) herdEvent {
	h.t.Helper()
	now, syncs := h.monitor.census(), h.synced
	h.synced = h.syncs.Load()
	return herdEvent{
		name: name, syncs: h.synced - syncs, requests: now.since(before), connections: now.maxConnections(),
		burst: [2]int{now.mostConnections(began), h.monitor.mostRequests(began)}, consumers: h.consumers(),
		goroutines: runtime.NumGoroutine(),
	}
}

// observe lets time pass in which the broker counts. Nothing waits for it.
func (h *herd) observe(d time.Duration) {
	select {
	case <-time.After(d):
	case <-h.t.Context().Done():
	}
}

// rest begins when the reads that make sure are over.
func (h *herd) rest() herdEvent {
	h.observe(settling)
	before, began := h.monitor.census(), time.Now()
	h.observe(*herdRest)
	return h.event("at rest for "+herdRest.String(), before, began)
}

func (h *herd) globalPut() herdEvent {
	before, began := h.monitor.census(), time.Now()
	h.config = h.putConfig(wire.ConfigKeyGlobal, "20m")
	_, has := h.current()
	e := h.settled("global put", before, began)
	e.times[1] = since(began, has)
	return e
}

func (h *herd) command() herdEvent {
	before, began := h.monitor.census(), time.Now()
	h.sendAll(wire.CommandsGroup(herdGroup), "one")
	ran := h.answered("one")
	e := h.settled("command to all", before, began)
	e.times[2] = since(began, ran)
	return e
}

// restart sends a command to the group as soon as the broker is back.
func (h *herd) restart() herdEvent {
	before := h.monitor.census()
	h.broker.Stop()
	began := h.back("restarted")
	h.sendAll(wire.CommandsGroup(herdGroup), "restarted")
	return h.healed("restart and command", "restarted", before, began, began)
}

// wipe has the buckets and streams made anew by the backend, and sends a command.
// It is one to all: a host that has seen the bucket of groups without its row yet
// is in no group for that moment.
func (h *herd) wipe() herdEvent {
	before := h.monitor.census()
	h.broker.Kill()
	h.broker.Wipe()
	began := h.back("wiped")
	h.create()
	h.putRows()
	made := time.Now()
	h.sendAll(wire.CommandsAll(), "wiped")
	return h.healed("wipe and command", "wiped", before, began, made)
}

// back starts the broker that is down, and returns when it could be reached.
func (h *herd) back(why string) time.Time {
	h.t.Helper()
	h.alone()
	h.observe(*herdDown)
	h.broker.Start()
	began := time.Now()
	require.Eventually(h.t, h.nc.IsConnected, patience, time.Millisecond, why)
	return began
}

func (h *herd) healed(name, requestID string, before census, began, usable time.Time) herdEvent {
	h.t.Helper()
	connected, has := h.current()
	ran := h.answered(requestID)
	e := h.settled(name, before, began.Add(-startTime))
	e.times = [3][]time.Duration{since(began, connected), since(usable, has), since(usable, ran)}
	return e
}

func since(began time.Time, times []time.Time) (all []time.Duration) {
	for _, at := range times {
		all = append(all, max(at.Sub(began), 0))
	}
	slices.Sort(all)
	return all
}

func mean(of []int) float64 {
	sum := 0
	for _, n := range of {
		sum += n
	}
	return float64(sum) / float64(len(of))
}

func (h *herd) table(events ...herdEvent) string {
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "%d agents, one broker\tper agent, mean\tmost\tconnections in %v\trequests in %v\tconsumers\tsyncs/agent\tgoroutines/agent\tconnected, half/all\tcurrent, half/all\tcommand, half/all\n",
		len(h.agents), instant, instant)
	for _, e := range events {
		fmt.Fprintf(w, "%s\t%.2f\t%d\t%d\t%d\t%d\t%.1f\t%.1f\t%s\t%s\t%s\n", e.name, mean(e.requests), slices.Max(e.requests),
			e.burst[0], e.burst[1], e.consumers, float64(e.syncs)/float64(len(h.agents)), float64(e.goroutines)/float64(len(h.agents)), halfAndAll(e.times[0]), halfAndAll(e.times[1]), halfAndAll(e.times[2]))
	}
	_ = w.Flush() // into memory
	h.logs.mu.Lock()
	defer h.logs.mu.Unlock()
	for _, message := range slices.Sorted(maps.Keys(h.logs.count)) {
		fmt.Fprintf(&text, "%6d × %s\n", h.logs.count[message], message)
	}
	return "\n" + text.String()
}

func halfAndAll(sorted []time.Duration) string {
	if len(sorted) == 0 {
		return "-"
	}
	return fmt.Sprintf("%v/%v", sorted[len(sorted)/2].Round(time.Millisecond), sorted[len(sorted)-1].Round(time.Millisecond))
}
