package agent_test

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent"
	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/retry/jstest"
)

// herdGroup is a group that the whole herd is in.
const herdGroup = "herd"

// herd is many agents in one process at one broker.
type herd struct {
	*backend
	broker  *jstest.Broker
	monitor *monitor
	agents  []*agent.Agent
	logs    *warnings

	syncs  atomic.Int64 // of all agents
	synced int64        // at the end of the last event

	config uint64   // revision of the newest row of agent_config
	groups []uint64 // of each agent's row of agent_groups

	mu  sync.Mutex
	ran map[string][][]time.Time // by request and agent
}

func newHerd(t *testing.T, n int) *herd {
	t.Helper()
	m := &monitor{t: t, port: jstest.FreePort(t)}
	broker := jstest.StartBroker(t, jstest.WithConfig(m.config()))
	h := &herd{
		backend: newBackend(t, broker), broker: broker, monitor: m, groups: make([]uint64, n),
		logs: &warnings{count: map[string]int{}}, ran: map[string][][]time.Time{},
	}
	var err error
	h.js, err = jetstream.New(h.nc, jetstream.WithDefaultTimeout(patience)) // the herd keeps the broker busy
	require.NoError(t, err)
	m.own = func() uint64 { return h.nc.Stats().OutMsgs }
	m.watch()
	h.putRows()
	h.start(n)
	return h
}

// start runs the agents until the test ends.
func (h *herd) start(n int) {
	h.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, n)
	dir := h.t.TempDir()
	for i := range n {
		a := h.agent(dir, i)
		h.agents = append(h.agents, a)
		go func() { ended <- a.Run(ctx) }()
	}
	h.t.Cleanup(func() {
		cancel()
		for range n {
			require.NoError(h.t, <-ended)
		}
	})
}

func (h *herd) agent(dir string, i int) *agent.Agent {
	h.t.Helper()
	cfg := agent.DefaultConfig()
	cfg.ID, cfg.Servers = herdID(i), []string{h.broker.URL()}
	cfg.StateDir = filepath.Join(dir, cfg.ID)
	handle := agent.HandlerFunc(func(_ context.Context, job agent.Job) error {
		h.runs(i, job.Command.RequestID)
		return nil
	})
	a, err := agent.New(cfg, agent.CountSyncs(&h.syncs), agent.WithLogger(slog.New(h.logs)), agent.WithHandler("herd", handle, agent.ReportInterrupted))
	require.NoError(h.t, err)
	return a
}

func herdID(i int) string { return fmt.Sprintf("PC-%04d", i) }

func (h *herd) runs(i int, requestID string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ran[requestID][i] = append(h.ran[requestID][i], time.Now())
}

// create makes anew what createStreams made, beside a herd that asks for it.
func (h *herd) create() {
	h.t.Helper()
	for _, cfg := range streamConfigs() {
		_, err := h.js.CreateStream(h.t.Context(), cfg)
		require.NoError(h.t, err)
	}
	for _, cfg := range bucketConfigs() {
		_, err := h.js.CreateKeyValue(h.t.Context(), cfg)
		require.NoError(h.t, err)
	}
}

// putRows gives every agent its groups, and the groups and all of them settings.
func (h *herd) putRows() {
	h.t.Helper()
	kv, err := h.js.KeyValue(h.t.Context(), wire.BucketAgentGroups)
	require.NoError(h.t, err)
	members := wire.AgentGroups{Groups: []string{herdGroup}}.Encode()
	for i := range h.groups {
		h.groups[i], err = kv.Put(h.t.Context(), herdID(i), members)
		require.NoError(h.t, err)
	}
	h.putConfig(wire.ConfigKeyGroup(herdGroup), "10m")
	h.config = h.putConfig(wire.ConfigKeyGlobal, "5m")
}

// putConfig sets a scope to settings that make no traffic of their own.
func (b *backend) putConfig(key, jitter string) (revision uint64) {
	b.t.Helper()
	kv, err := b.js.KeyValue(b.t.Context(), wire.BucketAgentConfig)
	require.NoError(b.t, err)
	revision, err = kv.Put(b.t.Context(), key, wire.ConfigScope{TargetVersionJitter: &jitter}.Encode())
	require.NoError(b.t, err)
	return revision
}

// sendAll sends one command that the whole herd is to run.
func (h *herd) sendAll(subject, requestID string) {
	h.t.Helper()
	h.mu.Lock()
	h.ran[requestID] = make([][]time.Time, len(h.agents))
	h.mu.Unlock()
	data, err := wire.Command{ID: "job", Version: "1", RequestID: requestID, Shell: "herd", Script: "x", TimeoutSecs: 60}.Encode()
	require.NoError(h.t, err)
	_, err = h.js.Publish(h.t.Context(), subject, data)
	require.NoError(h.t, err)
}

// current waits until every agent has what the buckets hold, and returns when
// each of them was connected, and was seen to have it.
func (h *herd) current() (connected, has []time.Time) {
	h.t.Helper()
	connected, has = make([]time.Time, len(h.agents)), make([]time.Time, len(h.agents))
	require.Eventually(h.t, func() bool {
		all := true
		for i, a := range h.agents {
			if !has[i].IsZero() {
				continue
			}
			s := a.Status()
			if !h.isCurrent(i, s) {
				all = false
				continue
			}
			connected[i], has[i] = s.Since, time.Now()
		}
		return all
	}, 3*patience, 20*time.Millisecond, "not every agent has the current settings")
	return connected, has
}

func (h *herd) isCurrent(i int, s agent.Status) bool {
	fresh := map[string]uint64{}
	for _, scope := range s.Settings {
		if scope.StaleSince.IsZero() {
			fresh[scope.Scope] = scope.Revision
		}
	}
	_, pins := fresh[wire.BucketScriptCurrent]
	_, revocations := fresh[wire.BucketScriptStatus]
	return s.Ready && s.Connected && pins && revocations &&
		fresh[wire.BucketAgentConfig] == h.config && fresh[wire.BucketAgentGroups] == h.groups[i]
}

// answered waits until every agent has run a command once, nothing of it is left
// to be sent, and the broker has every result. It returns when each began.
func (h *herd) answered(requestID string) (began []time.Time) {
	h.t.Helper()
	require.Eventually(h.t, func() bool {
		for i, a := range h.agents {
			s := a.Status()
			if h.count(i, requestID) == 0 || s.Commands.Running+s.Commands.Waiting+s.Results.Pending > 0 {
				return false
			}
		}
		return true
	}, 3*patience, 20*time.Millisecond, "not every agent has run %s", requestID)
	require.Eventually(h.t, func() bool { return h.stored(requestID) >= len(h.agents) }, patience, 5*time.Millisecond, "results are missing")
	require.Equal(h.t, len(h.agents), h.stored(requestID), "results of %s", requestID)
	for i := range h.agents {
		require.Equal(h.t, 1, h.count(i, requestID), "%s on %s", requestID, herdID(i))
		began = append(began, h.ran[requestID][i][0])
	}
	return began
}

// stored is how many results of a request the broker has.
func (h *herd) stored(requestID string) int {
	h.t.Helper()
	n, err := h.countResults(h.t.Context(), requestID)
	require.NoError(h.t, err)
	return n
}

func (h *herd) count(i int, requestID string) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.ran[requestID][i])
}

// alone waits until nobody is connected any more, neither an agent nor the test: what it sends to the former broker is lost.
func (h *herd) alone() {
	h.t.Helper()
	require.Eventually(h.t, func() bool {
		return !h.nc.IsConnected() && !slices.ContainsFunc(h.agents, func(a *agent.Agent) bool { return a.Status().Connected })
	}, patience, 5*time.Millisecond, "agents do not notice that the broker is gone")
}

// warnings counts what the agents warn of.
type warnings struct {
	mu    sync.Mutex
	count map[string]int
}

func (w *warnings) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelWarn }
func (w *warnings) WithAttrs([]slog.Attr) slog.Handler               { return w }
func (w *warnings) WithGroup(string) slog.Handler                    { return w }

func (w *warnings) Handle(_ context.Context, r slog.Record) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.count[r.Level.String()+" "+r.Message]++
	return nil
}
