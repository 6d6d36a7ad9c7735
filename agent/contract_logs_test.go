package agent_test

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent"
	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/internal/logtest"
)

// Logs are sent to whoever may ask for them: they hold no script and nothing that a
// script has written, whatever becomes of the command, and at every level.
func TestTheLogHoldsNoScriptAndNoOutput(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	const secret = "tr0ub4dor"
	log := &logtest.Buffer{}
	a, stop := startAgent(t, s.cfg, agent.WithLogger(slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug - 8}))))
	ready(t, a)
	command := func(id, script string, change func(*wire.Command)) {
		c := sh(id, script+"\n: "+secret)
		if change != nil {
			change(&c)
		}
		s.send(c)
	}
	command("ran", "echo "+secret+"; echo "+secret+" >&2", nil)
	command("failed", "echo "+secret+"; exit 3", nil)
	command("reported", "echo "+secret, func(c *wire.Command) { c.Emit = &wire.EmitConfig{} })
	command("timed-out", "sleep 1000", func(c *wire.Command) { c.TimeoutSecs = 1 })
	command("no-such-folder", "true", func(c *wire.Command) { c.Cwd = "/no/such/folder" })
	command("too-late", "true", func(c *wire.Command) { c.DeadlineAt = time.Unix(1, 0) })
	command("no-shell", "true", func(c *wire.Command) { c.Shell = "fish" })
	command("long", "true #"+strings.Repeat(" "+secret, 60_000), nil) // staged as a file
	ids := []string{"ran", "failed", "reported", "timed-out", "no-such-folder", "too-late", "no-shell", "long"}
	for _, raw := range []string{
		`{"id":"job","version":"1","request_id":"bad","shell":"sh","script":"` + secret + `","timeout_secs":"` + secret + `"}`,
		`{"id":"job","version":"1","request_id":"twice","shell":"sh","script":"` + secret + `","script":"` + secret + `","timeout_secs":5}`,
		`{"script":"` + secret + `"`, secret,
	} {
		require.NoError(t, s.nc.Publish(wire.CommandsPC(pcID), []byte(raw)))
	}
	for _, id := range append(ids, "bad", "twice") {
		s.result(id)
	}
	require.Contains(t, s.result("ran").Stdout, secret)
	command("ran", "echo another "+secret, nil) // the same request ID, other bytes
	s.eventually(func() bool { return a.Status().Commands.Conflicts >= 1 && a.Status().Commands.Unreadable >= 2 }, "not seen")
	stop()
	require.Contains(t, log.String(), "request_id=ran", "there is a log")
	require.NotContains(t, log.String(), secret)
}
