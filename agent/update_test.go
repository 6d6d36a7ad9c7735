package agent_test

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent"
	"github.com/kanade-go/kanade/agent/wire"
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

// A fleet without groups has no bucket for them.
func TestUpdatesWithoutABucketOfGroups(t *testing.T) {
	t.Parallel()
	b := jstest.StartBroker(t)
	kv, err := b.JetStream().CreateKeyValue(t.Context(), jetstream.KeyValueConfig{Bucket: wire.BucketAgentConfig})
	require.NoError(t, err)
	_, err = kv.Put(t.Context(), wire.ConfigKeyGlobal, wire.ConfigScope{TargetVersion: new("2.0.0")}.Encode())
	require.NoError(t, err)
	looks := make(chan struct{}, 1)
	a, stop := startAgent(t, newConfig(t, b.URL()), agent.WithUpdater(agent.Updater{
		Executable: executable(t), Times: agent.UpdateTimes{DowngradeWait: time.Millisecond},
		Step: func(name string) {
			if name == "look" {
				select {
				case looks <- struct{}{}:
				default:
				}
			}
		},
	}))
	defer stop()
	ready(t, a)
	select {
	case <-looks:
	case <-time.After(2 * time.Minute):
		t.Fatal("the target is not looked for")
	}
	require.Eventually(t, func() bool { u := a.Status().Updates; return u != nil && u.Target == "2.0.0" }, time.Minute, 10*time.Millisecond)
}

// executable is a file that stands for the program.
func executable(t *testing.T) string {
	path := filepath.Join(t.TempDir(), "agent")
	require.NoError(t, os.WriteFile(path, []byte("program"), 0o700))
	return path
}

const quarantinedRecord = `{"format":1,"tried":[{"version":"3.0.0","sha256":"aa","times":1,"last":"2026-05-01T12:00:00Z","never":true,"reason":"it ended 3 times"}],
	"last_rollback":{"from":"1.0.0","to":"3.0.0","sha256":"aa","at":"2026-05-01T12:00:00Z","reason":"it ended 3 times"}}`

// What was taken back is in the heartbeat, in the status, and beside the executable.
func TestReleasesThatWereTakenBackAreTold(t *testing.T) {
	t.Parallel()
	b := jstest.StartBroker(t)
	path := executable(t)
	require.NoError(t, os.WriteFile(path+".update.json", []byte(quarantinedRecord), 0o600))
	cfg := newConfig(t, b.URL())
	nc := b.Connect()
	beats, err := nc.SubscribeSync(wire.HeartbeatSubject(cfg.ID))
	require.NoError(t, err)
	require.NoError(t, nc.Flush()) // the next heartbeat comes half a minute later
	a, stop := startAgent(t, cfg, agent.WithUpdater(agent.Updater{Executable: path}))
	defer stop()
	ready(t, a)
	require.Eventually(t, func() bool { return a.Status().Updates.LastRollback != nil }, time.Minute, 10*time.Millisecond)
	u := a.Status().Updates
	require.Equal(t, "idle", u.Phase)
	require.True(t, u.Tried[0].Quarantined)
	require.Equal(t, "it ended 3 times", u.LastRollback.Reason)
	m, err := beats.NextMsg(time.Minute)
	require.NoError(t, err)
	h, err := wire.DecodeHeartbeat(m.Data)
	require.NoError(t, err)
	require.Equal(t, []string{"3.0.0"}, h.QuarantinedVersions)

	outside, err := agent.ReadUpdates(path)
	require.NoError(t, err)
	require.Equal(t, u.Tried, outside.Tried)
	require.NoError(t, os.WriteFile(path+".update.json", []byte("{"), 0o600))
	_, err = agent.ReadUpdates(path)
	require.ErrorIs(t, err, agent.ErrUpdateRecord)
}

// Starting a second agent by hand, again and again, does not take a release back.
func TestASecondAgentDoesNotCountAgainstARelease(t *testing.T) {
	t.Parallel()
	b := jstest.StartBroker(t)
	path := executable(t)
	sum := fmt.Sprintf("%x", sha256.Sum256([]byte("program")))
	require.NoError(t, os.WriteFile(path+".update.json", fmt.Appendf(nil,
		`{"format":1,"plan":{"phase":"probation","from":"1","to":"2","from_sha256":"aa","to_sha256":%q,"starts":1,"since":"2026-05-01T12:00:00Z"}}`, sum), 0o600))
	cfg := newConfig(t, b.URL())
	first, stop := startAgent(t, cfg)
	defer stop()
	ready(t, first)
	for range 5 {
		second, err := agent.New(cfg, agent.WithUpdater(agent.Updater{Executable: path}))
		require.NoError(t, err)
		require.ErrorIs(t, second.Run(t.Context()), agent.ErrStateLocked)
		u, err := agent.ReadUpdates(path)
		require.NoError(t, err)
		require.Equal(t, "probation", u.Phase)
		require.Equal(t, 1, u.Starts)
	}
}

// onProbation makes the executable a release with that many starts, and "former" the
// one that ran before.
func onProbation(t *testing.T, path string, starts int) {
	sum := func(text string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(text))) }
	require.NoError(t, os.WriteFile(path+".last-good", []byte("former"), 0o700))
	require.NoError(t, os.WriteFile(path+".update.json", fmt.Appendf(nil,
		`{"format":1,"plan":{"phase":"probation","from":"1","to":"2","from_sha256":%q,"to_sha256":%q,"starts":%d,"since":"2026-05-01T12:00:00Z"}}`,
		sum("former"), sum("program"), starts), 0o600))
}

// A program that runs on after its executable was replaced is not what is there now:
// as an agent it would confirm a release that never ran.
func TestAProgramThatWasReplacedIsNoAgentAnyMore(t *testing.T) {
	t.Parallel()
	path := executable(t)
	onProbation(t, path, 3)
	require.ErrorIs(t, agent.CountStart(path), agent.ErrRestart)
	require.ErrorIs(t, agent.CountStart(path), agent.ErrRestart)
	for _, counted := range []bool{false, true} {
		a, err := agent.New(newConfig(t, "nats://127.0.0.1:1"), agent.WithUpdater(agent.Updater{Executable: path, StartCounted: counted}))
		require.NoError(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		require.ErrorIs(t, a.Run(ctx), agent.ErrRestart)
		require.NoError(t, ctx.Err())
	}
	u, err := agent.ReadUpdates(path)
	require.NoError(t, err)
	require.Equal(t, "rollback", u.Phase, "the next process settles it")
}

func TestStartsAreUncounted(t *testing.T) {
	t.Parallel()
	path := executable(t)
	onProbation(t, path, 1)
	for range 5 {
		require.NoError(t, agent.CountStart(path))
		require.NoError(t, agent.UncountStart(path))
	}
	u, err := agent.ReadUpdates(path)
	require.NoError(t, err)
	require.Equal(t, 1, u.Starts)
	require.Error(t, agent.UncountStart(filepath.Join(t.TempDir(), "gone")))
}
