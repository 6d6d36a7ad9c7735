package telemetry

import (
	"context"
	"encoding/json"
	"log/slog"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/internal/supervise"
	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/retry"
	"github.com/kanade-go/kanade/retry/jstest"
)

// generous bounds what takes milliseconds on an idle machine.
const generous = time.Minute

// The whole of it with this host and a real broker: every subject has its message,
// pings are answered, and both go on after the broker was away.
func TestTelemetryOverARealBroker(t *testing.T) {
	t.Parallel()
	broker := jstest.StartBroker(t, jstest.WithoutJetStream())
	d := newDial()
	d.cfg.HeartbeatInterval, d.cfg.HostPerfInterval, d.cfg.ProcessPerfEnabled = time.Second, time.Second, true
	backend := broker.Connect()
	subs := map[string]*nats.Subscription{}
	for _, subject := range []string{"heartbeat.>", "host_perf.>", "process_perf.>"} {
		sub, err := backend.SubscribeSync(subject)
		require.NoError(t, err)
		subs[subject] = sub
	}
	require.NoError(t, backend.FlushTimeout(generous))
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	s := New(Config{PCID: "probe.02", Version: "1.0.0", Transport: retry.FromNATS(broker.Connect()), Settings: d.get, Logger: log})
	g := supervise.NewGroup(context.Background(), log, append(s.Tasks(), s.Answers()...)...)
	defer g.Stop()
	next := func(subject string) *nats.Msg {
		m, err := subs[subject].NextMsg(generous)
		require.NoError(t, err, subject)
		return m
	}
	for round := range 2 {
		m := next("heartbeat.>")
		require.Equal(t, "heartbeat.probe.02", m.Subject)
		require.Empty(t, m.Header)
		_, err := wire.DecodeHeartbeat(m.Data)
		require.NoError(t, err)
		p, err := wire.DecodeHostPerf(next("host_perf.>").Data)
		require.NoError(t, err)
		require.NotNil(t, p.MemUsedBytes)
		busiest, err := wire.DecodeProcessPerf(next("process_perf.>").Data)
		require.NoError(t, err)
		require.NotEmpty(t, busiest.Processes)
		require.LessOrEqual(t, len(busiest.Processes), 20)
		requirePong(t, backend)
		if round == 0 {
			broker.Restart()
		}
	}
}

func requirePong(t *testing.T, backend *nats.Conn) {
	t.Helper()
	var reply *nats.Msg
	require.Eventually(t, func() (ok bool) {
		var err error
		reply, err = backend.Request("agents.probe.02.ping", []byte("anything"), 5*time.Second) // one that the restart swallowed is sent again
		return err == nil
	}, generous, 10*time.Millisecond)
	h, err := wire.DecodeHeartbeat(reply.Data)
	require.NoError(t, err)
	require.Equal(t, "probe.02", h.PCID)
	var fields map[string]any
	require.NoError(t, json.Unmarshal(reply.Data, &fields))
	for field := range fields {
		require.Contains(t, []string{"pc_id", "at", "agent_version", "hostname", "os_family", "remote_viewing"}, field)
	}
}
