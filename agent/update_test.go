package agent_test

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent"
	"github.com/kanade-go/kanade/retry/jstest"
)

// An executable that was moved away while the agent starts costs updates, not the
// agent.
func TestAnAgentRunsWithoutItsExecutable(t *testing.T) {
	t.Parallel()
	b := jstest.StartBroker(t)
	gone := agent.Updater{Executable: filepath.Join(t.TempDir(), "gone")}
	a, stop := startAgent(t, newConfig(t, b.URL()), agent.WithUpdater(gone))
	ready(t, a)
	stop()
}

func TestUpdaterWithAKeyThatIsNone(t *testing.T) {
	t.Parallel()
	_, err := agent.New(newConfig(t, "nats://127.0.0.1:1"), agent.WithUpdater(agent.Updater{Keys: []ed25519.PublicKey{{1, 2, 3}}}))
	require.ErrorIs(t, err, agent.ErrConfig)
}

// A program that replaces its own executable: the start is counted first, and the
// end of Run may ask for another one.
func ExampleWithUpdater() {
	if err := agent.CountStart(""); errors.Is(err, agent.ErrRestart) {
		return // os.Exit(64): the service manager starts the last good executable
	}
	cfg := agent.DefaultConfig()
	cfg.ID, cfg.Servers, cfg.StateDir = "pc-1", []string{"nats://127.0.0.1:4222"}, os.TempDir()
	_, err := agent.New(cfg, agent.WithUpdater(agent.Updater{StartCounted: true}))
	fmt.Println(err)
	// Output: <nil>
}
