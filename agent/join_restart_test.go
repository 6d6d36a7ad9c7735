package agent_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/retry/jstest"
)

// A host becomes a member of a group and the group gets a command, and its agent goes
// before it knows, with commands that it was sent later done. Between the two this agent
// has up to 10 s, because its role may not hear of the groups.
func TestACommandToAGroupThatTheLastRunNeverHeardOf(t *testing.T) {
	needsSh(t)
	broker := jstest.StartBroker(t, jstest.WithConfig(`
		no_auth_user: admin
		authorization { users: [
			{user: admin, password: admin},
			{user: agent, password: agent, permissions: {subscribe: {deny: "$KV.agent_groups.>"}}},
		] }`))
	b := newBackend(t, broker)
	cfg := newConfig(t, broker.URL())
	cfg.User, cfg.Password = "agent", "agent"
	b.putGroups()
	a, stop := startAgent(t, cfg)
	ready(t, a)
	b.send(sh("first", "echo first"))
	b.result("first")

	b.putGroups("wave1")
	b.sendTo(wire.CommandsGroup("wave1"), sh("grouped", "echo grouped"))
	b.send(sh("after", "echo after"))
	b.result("after")
	stop()
	require.NoError(t, os.RemoveAll(filepath.Join(cfg.StateDir, "settings"))) // a kill comes before the snapshot of the groups

	for range 2 {
		a, stop = startAgent(t, cfg)
		ready(t, a)
		require.Equal(t, "grouped\n", b.result("grouped").Stdout)
		stop()
	}
	require.Len(t, b.results("grouped"), 1)
	require.Len(t, b.results("after"), 1)
}
