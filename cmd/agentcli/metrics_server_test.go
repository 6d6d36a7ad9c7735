package agentcli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent"
	"github.com/kanade-go/kanade/internal/logtest"
	"github.com/kanade-go/kanade/retry/jstest"
)

// sample is a line of numbers in the text format.
type sample struct {
	name, labels string
	value        float64
}

var (
	helpLine   = regexp.MustCompile(`^# HELP ([a-z_][a-z0-9_]*) ([^\n]+)$`)
	typeLine   = regexp.MustCompile(`^# TYPE ([a-z_][a-z0-9_]*) (counter|gauge)$`)
	sampleLine = regexp.MustCompile(`^([a-z_][a-z0-9_]*)(\{[a-z_]+="(?:[^"\\\n]|\\["\\n])*"(?:,[a-z_]+="(?:[^"\\\n]|\\["\\n])*")*\})? (\S+)$`)
)

// parseMetrics reads the text format 0.0.4 more strictly than anybody else does: HELP,
// then TYPE, then all samples of the name, once each.
func parseMetrics(t *testing.T, text string) map[string]sample {
	t.Helper()
	require.True(t, strings.HasSuffix(text, "\n"))
	all, names := map[string]sample{}, map[string]bool{}
	var helped, typed string
	for line := range strings.SplitSeq(strings.TrimSuffix(text, "\n"), "\n") {
		if m := helpLine.FindStringSubmatch(line); m != nil {
			require.False(t, names[m[1]], "%s comes twice", m[1])
			helped, names[m[1]] = m[1], true
			continue
		}
		if m := typeLine.FindStringSubmatch(line); m != nil {
			require.Equal(t, helped, m[1])
			typed = m[1]
			continue
		}
		m := sampleLine.FindStringSubmatch(line)
		require.NotNil(t, m, "%q", line)
		require.Equal(t, typed, m[1], "%q", line)
		value, err := strconv.ParseFloat(m[3], 64)
		require.NoError(t, err)
		require.NotContains(t, all, m[1]+m[2])
		all[m[1]+m[2]] = sample{m[1], m[2], value}
	}
	return all
}

func TestTheTextOfMetrics(t *testing.T) {
	t.Parallel()
	hostile := agent.Status{ID: "a\"b\\c\nd\xff{}", Version: "1 2", Running: true}
	text := string(metricsText(hostile.Metrics()))
	got := parseMetrics(t, text)
	require.Contains(t, got, `kanade_agent_info{pc_id="a\"b\\c\nd`+"\uFFFD"+`{}",version="1 2"}`)
	require.InDelta(t, 1, got["kanade_agent_running"].value, 0)
	large := []agent.Metric{{Name: "a_b", Help: "x\\y\nz", Kind: agent.MetricGauge, Value: 1763831234.567}, {Name: "c_total", Help: "c", Kind: agent.MetricCounter, Value: 1e21}}
	require.Equal(t, "# HELP a_b x\\\\y\\nz\n# TYPE a_b gauge\na_b 1.763831234567e+09\n# HELP c_total c\n# TYPE c_total counter\nc_total 1e+21\n", string(metricsText(large)))
}

// servedAgent runs an agent with a server and returns where it is served.
func servedAgent(t *testing.T, a metered, address string) (url string, stop func()) {
	t.Helper()
	log := &logtest.Buffer{}
	r := &running{logs: silentLogs()}
	r.logs.all = slog.New(slog.NewTextHandler(log, nil))
	s, ok := r.servingMetrics(address, a).(served)
	require.True(t, ok)
	s.server.retry = 10 * time.Millisecond
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		require.NoError(t, <-ended)
	})
	t.Cleanup(stop)
	at := regexp.MustCompile(`address=(\S+)`)
	require.Eventually(t, func() bool { return at.MatchString(log.String()) }, time.Minute, 5*time.Millisecond)
	return "http://" + at.FindStringSubmatch(log.String())[1], stop
}

func get(t *testing.T, url string, change ...func(*http.Request)) (code int, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	for _, c := range change {
		c(req)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: time.Minute}
	resp, err := client.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(data)
}

// statusAgent is an agent that only says how it is.
type statusAgent struct {
	runnerFunc
	mu sync.Mutex
	is agent.Status
}

func (s *statusAgent) Status() agent.Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.is
}

func (s *statusAgent) set(is agent.Status) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.is = is
}

func TestHealthAndReadiness(t *testing.T) {
	t.Parallel()
	a := &statusAgent{runnerFunc: untilStopped}
	url, _ := servedAgent(t, a, "127.0.0.1:0")
	code, body := get(t, url+"/healthz")
	require.Equal(t, http.StatusServiceUnavailable, code)
	require.Equal(t, "the agent does not run\n", body)

	a.set(agent.Status{ID: "pc-1", Running: true, Servers: []string{"nats://10.1.2.3"}, Ledger: agent.LedgerStatus{Error: "secret of the disk"}})
	code, _ = get(t, url+"/healthz")
	require.Equal(t, http.StatusOK, code)
	code, body = get(t, url+"/readyz")
	require.Equal(t, http.StatusServiceUnavailable, code)
	require.Equal(t, "not ready\nconnection\nledger\n", body, "what is wrong, and no more")

	a.set(agent.Status{ID: "pc-1", Running: true, Ready: true, Connected: true, Ledger: agent.LedgerStatus{Writable: true}})
	code, body = get(t, url+"/readyz")
	require.Equal(t, http.StatusOK, code)
	require.Equal(t, "ready\n", body)
}

func untilStopped(ctx context.Context) error {
	<-ctx.Done()
	return nil
}

func TestWhoIsNotServed(t *testing.T) {
	t.Parallel()
	a := &statusAgent{runnerFunc: untilStopped}
	url, _ := servedAgent(t, a, "localhost:0")
	for name, tc := range map[string]struct {
		path   string
		change func(*http.Request)
		code   int
	}{
		"a page with a name of its own": {"/metrics", func(r *http.Request) { r.Host = "evil.example" }, http.StatusForbidden},
		"by name":                       {"/metrics", func(r *http.Request) { r.Host = "localhost:1" }, http.StatusOK},
		"a write":                       {"/metrics", func(r *http.Request) { r.Method = http.MethodPost }, http.StatusMethodNotAllowed},
		"anything else":                 {"/debug/pprof/", func(*http.Request) {}, http.StatusNotFound},
		"large headers":                 {"/metrics", func(r *http.Request) { r.Header.Set("X", strings.Repeat("x", 64<<10)) }, http.StatusRequestHeaderFieldsTooLarge},
	} {
		code, _ := get(t, url+tc.path, tc.change)
		require.Equal(t, tc.code, code, name)
	}
}

// Connections that nobody reads keep neither others out for ever nor the end up.
func TestTooManyConnections(t *testing.T) {
	t.Parallel()
	a := &statusAgent{runnerFunc: untilStopped}
	url, stop := servedAgent(t, a, "127.0.0.1:0")
	var idle []net.Conn
	for range metricsConns {
		c, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
		require.NoError(t, err)
		defer c.Close()
		_, err = fmt.Fprint(c, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
		require.NoError(t, err)
		_, err = io.ReadAtLeast(c, make([]byte, 12), 12)
		require.NoError(t, err)
		idle = append(idle, c)
	}
	one, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	require.NoError(t, err)
	defer one.Close()
	require.NoError(t, one.SetReadDeadline(time.Now().Add(time.Minute)))
	_, err = one.Read(make([]byte, 1))
	require.Error(t, err)
	var slow net.Error
	require.NotErrorAs(t, err, &slow, "it is told at once")
	require.NoError(t, idle[0].Close())
	require.Eventually(t, func() bool {
		resp, err := http.Get(url + "/healthz")
		if err != nil {
			return false
		}
		return resp.Body.Close() == nil
	}, time.Minute, 10*time.Millisecond)
	stop()
	_, err = net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	require.Error(t, err, "it ends with the agent")
}

func TestAnAddressThatSomebodyElseHas(t *testing.T) {
	t.Parallel()
	other, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer other.Close()
	log := &logtest.Buffer{}
	m := &metricsServer{
		address: other.Addr().String(), retry: 5 * time.Millisecond, log: slog.New(slog.NewTextHandler(log, nil)),
		status: func() agent.Status { return agent.Status{} },
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); m.run(ctx) }()
	has := func(text string) func() bool {
		return func() bool { return strings.Contains(log.String(), text) }
	}
	require.Eventually(t, has("metrics are not served"), time.Minute, time.Millisecond)
	require.NoError(t, other.Close())
	require.Eventually(t, has("metrics are served"), time.Minute, time.Millisecond)
	require.Equal(t, 1, log.Count("metrics are not served"), "it is told once")
	cancel()
	<-ended
}

func TestNothingIsServedUnlessItIsAskedFor(t *testing.T) {
	t.Parallel()
	r := &running{logs: silentLogs()}
	a := &statusAgent{runnerFunc: untilStopped}
	require.Equal(t, runner(a), r.servingMetrics("", a))
	m := &metricsServer{address: "0.0.0.0:0", log: slog.New(slog.DiscardHandler), status: a.Status}
	require.ErrorContains(t, m.serve(t.Context()), "no loopback address")
}

// The numbers of a real agent move.
func TestMetricsOfAnAgentAtWork(t *testing.T) {
	t.Parallel()
	b := jstest.StartBroker(t)
	js := b.JetStream()
	for name, subject := range map[string]string{"EXEC": "commands.>", "RESULTS": "results.>", "EVENTS": "events.>"} {
		_, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: name, Subjects: []string{subject}})
		require.NoError(t, err)
	}
	cfg := agent.DefaultConfig()
	cfg.ID, cfg.StateDir, cfg.Servers = "pc-1", t.TempDir(), []string{b.URL()}
	a, err := agent.New(cfg, agent.WithLogger(slog.New(slog.DiscardHandler)), agent.WithHandler("echo", agent.HandlerFunc(func(context.Context, agent.Job) error { return nil }), agent.ReportInterrupted))
	require.NoError(t, err)
	url, _ := servedAgent(t, a, "127.0.0.1:0")
	now := func() map[string]sample {
		code, body := get(t, url+"/metrics")
		require.Equal(t, http.StatusOK, code)
		return parseMetrics(t, body)
	}
	require.Eventually(t, func() bool { return now()["kanade_agent_connected"].value == 1 }, time.Minute, 20*time.Millisecond)
	require.Zero(t, now()["kanade_agent_commands_received_total"].value)
	for i := range 3 {
		data, err := json.Marshal(map[string]any{"id": "job", "version": "1", "request_id": fmt.Sprintf("r-%d", i), "shell": "echo", "script": "x", "timeout_secs": 60})
		require.NoError(t, err)
		_, err = js.Publish(t.Context(), "commands.pc.pc-1", data)
		require.NoError(t, err)
		require.Eventually(t, func() bool {
			return now()[`kanade_agent_outbox_delivered_total{box="results"}`].value == float64(i+1)
		}, time.Minute, 20*time.Millisecond)
	}
	m := now()
	require.GreaterOrEqual(t, m["kanade_agent_commands_received_total"].value, 3.0)
	require.InDelta(t, 3, m[`kanade_agent_ledger_commands{state="finished"}`].value, 0)
	require.InDelta(t, 1, m["kanade_agent_ledger_writable"].value, 0)
}
