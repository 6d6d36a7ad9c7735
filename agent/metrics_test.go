package agent_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent"
	"github.com/kanade-go/kanade/outbox"
)

// What follows from names is what dashboards are built on.
func TestMetricsFollowTheirRules(t *testing.T) {
	t.Parallel()
	full := agent.Status{
		ID: "pc-1", Version: "1.2.3", Running: true, StartedAt: time.Unix(1000, 0), Connected: true,
		Results: outbox.Stats{Pending: 3, Oldest: time.Unix(2000, 500_000_000)},
		Updates: &agent.UpdateStatus{Phase: "probation", LastRollback: &agent.UpdateOutcome{At: time.Unix(3000, 0)}},
	}
	seen := map[string]string{}
	last := ""
	for _, m := range full.Metrics() {
		require.True(t, strings.HasPrefix(m.Name, "kanade_agent_"), m.Name)
		require.Contains(t, []string{agent.MetricCounter, agent.MetricGauge}, m.Kind)
		require.Equal(t, m.Kind == agent.MetricCounter, strings.HasSuffix(m.Name, "_total"), m.Name)
		require.NotContains(t, m.Help, "\n")
		if help, known := seen[m.Name]; known {
			require.Equal(t, last, m.Name, "those of one name are behind one another")
			require.Equal(t, help, m.Help+m.Kind)
		}
		seen[m.Name], last = m.Help+m.Kind, m.Name
		key := fmt.Sprint(m.Name, m.Labels)
		require.NotContains(t, seen, key)
		seen[key] = ""
	}
	require.LessOrEqual(t, len(full.Metrics()), 100)
	require.InDelta(t, 2000.5, metric(t, full.Metrics(), "kanade_agent_outbox_oldest_time_seconds", "results"), 0)
	require.InDelta(t, 1, metric(t, full.Metrics(), "kanade_agent_update_phase", "probation"), 0)
	require.InDelta(t, 0, metric(t, full.Metrics(), "kanade_agent_update_phase", "idle"), 0)
	require.Len(t, agent.Status{ID: "pc-1"}.Metrics(), 2, "of an agent that does not run")
}

func metric(t *testing.T, all []agent.Metric, name, label string) float64 {
	t.Helper()
	for _, m := range all {
		if m.Name == name && (label == "" || m.Labels[0].Value == label) {
			return m.Value
		}
	}
	require.Fail(t, "no metric "+name+" "+label)
	return 0
}

// An exporter of your own reads the numbers when it is asked for them.
func ExampleAgent_Metrics() {
	cfg := agent.DefaultConfig()
	cfg.ID, cfg.Servers, cfg.StateDir = "pc-1", []string{"nats://127.0.0.1:4222"}, os.TempDir()
	a, err := agent.New(cfg)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, m := range a.Metrics() {
		fmt.Println(m.Kind, m.Name, m.Value)
	}
	// Output:
	// gauge kanade_agent_info 1
	// gauge kanade_agent_running 0
}

// nats.go imports net/http for its websockets; who embeds an agent gets no server by
// that.
func TestAnEmbedderLinksNoHTTPServer(t *testing.T) {
	t.Parallel()
	program := filepath.Join(t.TempDir(), "embedder.exe")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, "./testdata/embedder").CombinedOutput()
	require.NoError(t, err, string(out))
	symbols, err := exec.CommandContext(t.Context(), "go", "tool", "nm", program).Output()
	require.NoError(t, err)
	require.Contains(t, string(symbols), "kanade/agent.(*Agent).Metrics")
	require.NotContains(t, string(symbols), "net/http.(*Server).Serve")
	require.NotContains(t, string(symbols), "net/http.(*ServeMux)")
}
