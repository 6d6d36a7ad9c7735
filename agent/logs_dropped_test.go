package agent_test

import (
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent"
	"github.com/kanade-go/kanade/retry/jstest"
)

// lossy is a log handler that counts what it drops.
type lossy struct{ slog.Handler }

func (l lossy) WithAttrs(attrs []slog.Attr) slog.Handler { return lossy{l.Handler.WithAttrs(attrs)} }
func (lossy) DroppedLines() uint64                       { return 42 }

func TestStatusCountsTheLinesThatTheLogDropped(t *testing.T) {
	t.Parallel()
	broker := jstest.StartBroker(t)
	log := slog.New(lossy{slog.NewTextHandler(t.Output(), nil)})
	a, _ := startAgent(t, newConfig(t, broker.URL()), agent.WithLogger(log))
	require.Eventually(t, func() bool { return a.Status().LogLinesDropped == 42 }, patience, 10*time.Millisecond)
}
