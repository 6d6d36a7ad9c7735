package agent_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent"
	"github.com/kanade-go/kanade/retry/jstest"
)

// What a reload of the broker's configuration grants is not refused any more,
// without another connection.
func TestStatusWhenTheBrokerGrantsWhatItRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	permissions := func(text string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "agent.conf"), []byte(text), 0o600))
	}
	permissions(`subscribe: { deny: ["kill.>", "agents.>", "logs.>", "job.tail.>"] }`)
	// Folders of one test are neighbours, and a server takes no absolute path.
	broker := jstest.StartBroker(t, jstest.WithConfig(fmt.Sprintf(`
		system_account: SYS
		accounts {
			SYS { users: [ { user: system, password: s } ] }
			FLEET { jetstream: enabled, users: [
				{ user: boss, password: b }
				{ user: agent, password: a, permissions { include "../%s/agent.conf" } }
			] }
		}`, filepath.Base(dir))))
	createStreams(t, broker.Connect(nats.UserInfo("boss", "b")))
	cfg := newConfig(t, broker.URL())
	cfg.User, cfg.Password = "agent", "a"
	_, _ = startAgent(t, cfg)
	const kills = "permission to subscribe to kill.*"
	refused := fromOutside(t, cfg.StateDir, "no refusal", func(got agent.Status) bool {
		return got.Connected && len(got.Problems()) == 4 // what answers requests, too
	})
	require.Equal(t, "denied", resource(refused, kills).Reason)

	permissions(`subscribe: ">"`)
	reload(t, broker.Connect(nats.UserInfo("system", "s")))
	granted := fromOutside(t, cfg.StateDir, "still refused", func(got agent.Status) bool {
		return healthy(got) && resource(got, "permission to ").Name == ""
	})
	require.Equal(t, refused.Since, granted.Since, "the connection is the same")
}

// reload makes the server read its configuration again.
func reload(t *testing.T, system *nats.Conn) {
	t.Helper()
	info, err := system.Request("$SYS.REQ.SERVER.PING", nil, patience)
	require.NoError(t, err)
	var who struct {
		Server struct {
			ID string `json:"id"`
		} `json:"server"`
	}
	require.NoError(t, json.Unmarshal(info.Data, &who))
	reply, err := system.Request("$SYS.REQ.SERVER."+who.Server.ID+".RELOAD", nil, patience)
	require.NoError(t, err)
	require.NotContains(t, string(reply.Data), `"error"`)
}
