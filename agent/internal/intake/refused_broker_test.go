package intake

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/internal/delivery"
	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/retry"
	"github.com/kanade-go/kanade/retry/jstest"
)

// roles is a broker whose permissions change while it runs.
type roles struct {
	*testing.T
	*jstest.Broker
	file   string
	system *nats.Conn
}

// startRoles starts a broker with the user agent, who may subscribe to what is
// allowed.
func startRoles(t *testing.T, allowed ...string) *roles {
	t.Helper()
	dir := t.TempDir()
	r := &roles{T: t, file: filepath.Join(dir, "agent.conf")}
	r.write(allowed)
	// Folders of one test are neighbours, and a server takes no absolute path.
	r.Broker = jstest.StartBroker(t, jstest.WithConfig(fmt.Sprintf(`
		system_account: SYS
		accounts {
			SYS { users: [ { user: system, password: s } ] }
			FLEET { jetstream: enabled, users: [
				{ user: boss, password: b }
				{ user: agent, password: a, permissions { include "../%s/agent.conf" } }
			] }
		}`, filepath.Base(dir))))
	r.system = r.Connect(nats.UserInfo("system", "s"))
	return r
}

func (r *roles) write(allowed []string) {
	r.Helper()
	text := `subscribe: { allow: ["_INBOX.>", "` + strings.Join(allowed, `", "`) + `"] }`
	require.NoError(r, os.WriteFile(r.file, []byte(text), 0o600))
}

// allow gives the agent other permissions; its connection stays.
func (r *roles) allow(allowed ...string) {
	r.Helper()
	r.write(allowed)
	info, err := r.system.Request("$SYS.REQ.SERVER.PING", nil, generous)
	require.NoError(r, err)
	var who struct {
		Server struct {
			ID string `json:"id"`
		} `json:"server"`
	}
	require.NoError(r, json.Unmarshal(info.Data, &who))
	reply, err := r.system.Request("$SYS.REQ.SERVER."+who.Server.ID+".RELOAD", nil, generous)
	require.NoError(r, err)
	require.NotContains(r, string(reply.Data), `"error"`)
}

func TestWhatAReloadGrantsIsTakenUp(t *testing.T) {
	t.Parallel()
	r := startRoles(t, "commands.>")
	nc := r.Connect(nats.UserInfo("agent", "a"), nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
	boss := r.Connect(nats.UserInfo("boss", "b"))
	out, killed := make(chan delivery.Delivery, 1000), make(chan string, 1000)
	var settled settledSubjects
	live := &Live{
		Transport: retry.FromNATS(nc), PCID: pcID, Groups: newMembership("canary").get, Out: out,
		Kill: func(id string) { killed <- id }, Settled: settled.add, Logger: slog.New(slog.NewTextHandler(t.Output(), nil)),
	}
	ctx, cancel := context.WithCancel(t.Context())
	require.NoError(t, live.Subscribe(ctx))
	var running sync.WaitGroup
	running.Go(func() { _ = live.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		running.Wait()
		live.Drain(ctx)
	})
	refused := func(n int) func() bool { return func() bool { return len(live.refused.subjects()) == n } }
	require.Eventually(t, refused(2), generous, time.Millisecond, "both of kill")
	require.NoError(t, boss.Publish(wire.KillSubject("lost"), nil))

	r.allow("commands.>", "kill.>")
	require.Eventually(t, refused(0), generous, time.Millisecond, "they were not made anew")
	require.Eventually(t, func() bool { return len(settled.all()) == 2 }, generous, time.Millisecond)
	require.ElementsMatch(t, wire.KillFilters(), settled.all())
	require.NoError(t, boss.Publish(wire.KillSubject("a"), nil))
	require.Equal(t, "a", <-killed)

	r.allow("kill.>") // taken away from subscriptions that stand
	require.Eventually(t, refused(3), generous, time.Millisecond, "all, the host's own and the group's")
	r.allow("commands.>", "kill.>")
	require.Eventually(t, refused(0), generous, time.Millisecond)
	for _, subject := range []string{wire.CommandsAll(), wire.CommandsPC(pcID), wire.CommandsGroup("canary")} {
		require.NoError(t, boss.Publish(subject, nil))
		require.Equal(t, subject, (<-out).Subject)
	}
	require.Equal(t, uint64(0), nc.Stats().Reconnects)
	require.Eventually(t, func() bool { return nc.NumSubscriptions() == 5 }, generous, time.Millisecond, "one a subject")
}
