//go:build unix

package agent_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent"
	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/retry/jstest"
)

// The number of scripts that run at once follows the fleet's settings while the
// agent runs, and through a restart without a broker.
func TestTheFleetSaysHowManyScriptsRunAtOnce(t *testing.T) {
	t.Parallel()
	broker := jstest.StartBroker(t)
	back := newBackend(t, broker)
	kv, err := back.js.KeyValue(t.Context(), wire.BucketAgentConfig)
	require.NoError(t, err)
	put := func(key, doc string) {
		_, err := kv.PutString(t.Context(), key, doc)
		require.NoError(t, err)
	}
	put(wire.ConfigKeyGlobal, `{"max_local_concurrent":1}`)
	cfg := newConfig(t, broker.URL())
	cfg.Concurrency = 2
	a, stop := startAgent(t, cfg)
	ready(t, a)
	atOnce := func(a *agent.Agent, n int) {
		t.Helper()
		require.Eventually(t, func() bool { return a.Status().Commands.AtOnce == n }, patience, 5*time.Millisecond)
	}
	atOnce(a, 1)

	// Each script says that it runs, and waits until it is let go.
	dir := t.TempDir()
	const scripts = 6
	for i := range scripts {
		back.send(sh(fmt.Sprint("r", i), fmt.Sprintf("touch %[1]s/began%[2]d; while [ ! -e %[1]s/go%[2]d ]; do sleep 0.05; done", dir, i)))
	}
	began := func(n int) {
		t.Helper()
		require.Eventually(t, func() bool {
			found, err := filepath.Glob(filepath.Join(dir, "began*"))
			return err == nil && len(found) == n && a.Status().Commands.Running == n
		}, patience, 5*time.Millisecond)
	}
	end := func(i int) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, fmt.Sprint("go", i)), nil, 0o600))
		require.Zero(t, back.result(fmt.Sprint("r", i)).ExitCode)
	}
	began(1)
	put(wire.ConfigKeyPC(pcID), `{"max_local_concurrent":4}`)
	began(4)
	put(wire.ConfigKeyPC(pcID), `{"max_local_concurrent":0}`) // unreadable: what was last read stays in force
	put(wire.ConfigKeyGlobal, `{"max_local_concurrent":3}`)
	put(wire.ConfigKeyPC(pcID), `{}`)
	atOnce(a, 3)
	end(0)
	require.Never(t, func() bool { return a.Status().Commands.Running != 3 }, time.Second, 20*time.Millisecond)
	require.NoFileExists(t, filepath.Join(dir, "began4"))
	for i := 1; i < scripts; i++ {
		end(i)
	}
	require.NoError(t, kv.Delete(t.Context(), wire.ConfigKeyGlobal))
	atOnce(a, 2)
	put(wire.ConfigKeyGlobal, `{"max_local_concurrent":7}`)
	atOnce(a, 7)
	stop()
	broker.Stop()
	again, _ := startAgent(t, cfg)
	atOnce(again, 7)
}
