package agent_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/retry/jstest"
)

// A host becomes a member of a group, and the group gets a command, while its agent
// is away, with other commands around them: it runs once when the agent is back.
func TestACommandToAGroupThatWasJoinedWhileAway(t *testing.T) {
	needsSh(t)
	broker := jstest.StartBroker(t)
	b := newBackend(t, broker)
	cfg := newConfig(t, broker.URL())
	b.putGroups()
	a, stop := startAgent(t, cfg)
	ready(t, a)
	b.send(sh("first", "echo first"))
	require.Equal(t, "first\n", b.result("first").Stdout)
	stop()

	b.putGroups("wave1")
	b.sendTo(wire.CommandsGroup("wave1"), sh("grouped", "echo grouped"))
	b.send(sh("after", "echo after"))

	a, _ = startAgent(t, cfg)
	ready(t, a)
	b.result("after")
	require.Equal(t, "grouped\n", b.result("grouped").Stdout)
	require.Len(t, b.results("grouped"), 1)
}
