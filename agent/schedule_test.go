package agent_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent"
	"github.com/kanade-go/kanade/agent/wire"
)

// everySecond is the schedule of a test.
const everySecond = "* * * * * *"

func (s *site) putRow(bucket, key string, value []byte) {
	s.t.Helper()
	kv, err := s.js.KeyValue(s.t.Context(), bucket)
	require.NoError(s.t, err)
	_, err = kv.Put(s.t.Context(), key, value)
	require.NoError(s.t, err)
}

func (s *site) deleteRow(bucket, key string) {
	s.t.Helper()
	kv, err := s.js.KeyValue(s.t.Context(), bucket)
	require.NoError(s.t, err)
	require.NoError(s.t, kv.Delete(s.t.Context(), key))
}

// putSchedule stores a schedule of this host, of every second unless it says
// otherwise.
func (s *site) putSchedule(row wire.Schedule) {
	s.t.Helper()
	if row.Cron == "" {
		row.Cron = everySecond
	}
	if len(row.Target.PCIDs)+len(row.Target.Groups) == 0 {
		row.Target.All = true
	}
	row.RunsOn = wire.RunsOnAgent
	s.putRow(wire.BucketSchedules, row.ID, row.Encode())
}

// putJob stores a job that counts itself under its ID and version.
func (s *site) putJob(id, version, script string) {
	s.t.Helper()
	s.putManifest(wire.Manifest{ID: id, Version: version, Execute: wire.Execute{
		Shell: "sh", Timeout: "1m", Script: s.counting(id+"-"+version, script).Script,
	}})
}

func (s *site) putManifest(m wire.Manifest) {
	s.t.Helper()
	s.putRow(wire.BucketJobs, m.ID, m.Encode())
}

// resultsOf returns all results that are stored for a job.
func (s *site) resultsOf(jobID string) (found []wire.Result) {
	s.t.Helper()
	stream, err := s.js.Stream(s.t.Context(), wire.StreamResults)
	require.NoError(s.t, err)
	state := stream.CachedInfo().State
	for seq := state.FirstSeq; seq > 0 && seq <= state.LastSeq; seq++ { // 0: nothing was ever stored
		m, err := stream.GetMsg(s.t.Context(), seq)
		require.NoError(s.t, err)
		r, err := wire.DecodeResult(m.Data)
		require.NoError(s.t, err)
		if r.ManifestID == jobID {
			found = append(found, r)
		}
	}
	return found
}

func (s *site) armed(a *agent.Agent, n int) {
	s.t.Helper()
	s.eventually(func() bool { return agent.LocalSchedules(a).Armed == n }, "the schedules are not taken over")
}

// ranMore waits until a script has run so many times more.
func (s *site) ranMore(name string, n int) {
	s.t.Helper()
	before := s.runs(name)
	s.eventually(func() bool { return s.runs(name) >= before+n }, name+" does not run")
}

// passedOver waits until the scheduler has passed over so many more fires.
func (s *site) passedOver(a *agent.Agent, n uint64) {
	s.t.Helper()
	before := agent.LocalSchedules(a).Passed
	s.eventually(func() bool { return agent.LocalSchedules(a).Passed >= before+n }, "no fire is passed over")
}

// quiet waits until nothing is on its way, between the clock and the ledger or between
// a run and the outbox either.
func (s *site) quiet(a *agent.Agent) {
	s.t.Helper()
	s.eventually(func() bool {
		fired := agent.LocalSchedules(a).Running // first: what was handed over by then is in the ledger, or over
		now := a.Status()
		return fired+now.Results.Pending+now.Ledger.Accepted+now.Ledger.Started == 0
	}, "the agent does not come to rest")
}

// onceEach: every run has one result, and every result is of one run.
func (s *site) onceEach(jobID string, runs int) {
	s.t.Helper()
	seen := map[string]bool{}
	for _, r := range s.resultsOf(jobID) {
		require.Zero(s.t, r.ExitCode, r.Stderr)
		require.False(s.t, seen[r.RequestID], "two results of one fire")
		seen[r.RequestID] = true
		require.Equal(s.t, wire.ResultID(r.RequestID, s.cfg.ID), r.ResultID)
	}
	require.Len(s.t, seen, runs)
}

func (s *site) offline(a *agent.Agent) {
	s.t.Helper()
	s.broker.Kill()
	s.eventually(func() bool { return !a.Status().Connected }, "the loss of the connection is not noticed")
}

// A schedule fires with the broker, without it, after a restart without it, from a
// row of its job or from a script object that was fetched ahead; every fire runs once
// and has one result in the end.
func TestLocalSchedulesFireThroughAnOutageAndARestart(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	digest := s.putScript(s.createScripts(), "tool/1", "echo tool")
	s.putManifest(wire.Manifest{ID: "object", Version: "1", Execute: wire.Execute{Shell: "sh", Timeout: "1m", ScriptObject: "tool/1"}})
	s.putJob("job", "1", "echo hello")
	s.putSchedule(wire.Schedule{ID: "often", JobID: "job"})
	s.putSchedule(wire.Schedule{ID: "tool", JobID: "object", Cron: "0 0 0 1 1 *"})
	a, stop := s.start()
	s.ranMore("job-1", 2)
	s.eventually(func() bool { return len(s.resultsOf("job")) > 0 }, "no result of a schedule")
	require.Equal(t, "hello\n", s.resultsOf("job")[0].Stdout)
	s.eventually(func() bool {
		_, err := os.Stat(filepath.Join(s.cfg.StateDir, "script_cache", digest))
		return err == nil
	}, "the script is not fetched before its first run")
	require.Zero(t, s.runs("tool/1"))
	s.putSchedule(wire.Schedule{ID: "tool", JobID: "object"})
	s.ranMore("tool/1", 1)

	s.offline(a)
	s.ranMore("job-1", 2)
	s.ranMore("tool/1", 1)
	s.eventually(func() bool { return a.Status().Results.Pending >= 3 }, "the results are not kept")
	stop()
	a, _ = startAgent(t, s.cfg, agent.WithSettleIn(settleIn))
	s.armed(a, 2)
	s.ranMore("job-1", 2)
	s.ranMore("tool/1", 1)
	require.False(t, a.Status().Connected)
	require.False(t, agent.LocalSchedules(a).Stale.IsZero())

	s.broker.Start()
	s.connected()
	s.deleteRow(wire.BucketSchedules, "often")
	s.deleteRow(wire.BucketSchedules, "tool")
	s.armed(a, 0)
	s.quiet(a)
	s.onceEach("job", s.runs("job-1"))
	s.onceEach("object", s.runs("tool/1"))
}

// What was done once is done, and what is revoked does not run, whatever is
// restarted and whoever is away.
func TestWhatLocalSchedulesDoNotRun(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.putRow(wire.BucketScriptStatus, "revoked", []byte(wire.ScriptRevoked))
	s.putJob("once", "1", "exit 3")
	s.putJob("revoked", "1", "echo hello")
	a, stop := s.start()
	s.eventually(func() bool {
		return slices.ContainsFunc(a.Status().Settings, func(view agent.ScopeStatus) bool {
			return view.Scope == wire.BucketScriptStatus && view.StaleSince.IsZero()
		})
	}, "the revocation is not known")
	s.putSchedule(wire.Schedule{ID: "one", JobID: "once", Mode: wire.OncePerPC})
	s.ranMore("once-1", 2) // what fails is not done
	s.putJob("once", "2", "echo done")
	s.eventually(func() bool { return s.runs("once-2") == 1 }, "once-2 does not run") // it may have by now, and does not again
	s.passedOver(a, 2)
	s.putSchedule(wire.Schedule{ID: "often", JobID: "revoked"})
	s.eventually(func() bool { return len(s.resultsOf("revoked")) > 0 }, "the revocation is not answered")
	s.passedOver(a, 4)
	require.Len(t, s.resultsOf("revoked"), 1, "once is enough")
	require.EqualValues(t, wire.ExitRevoked, s.resultsOf("revoked")[0].ExitCode)
	stop()
	done, err := os.ReadFile(filepath.Join(s.cfg.StateDir, "local_completions.json"))
	require.NoError(t, err)
	require.Contains(t, string(done), `"one::once": "`)
	require.NotContains(t, string(done), "revoked")

	s.broker.Kill()
	a, _ = startAgent(t, s.cfg, agent.WithSettleIn(settleIn))
	s.armed(a, 2)
	s.passedOver(a, 4)
	s.broker.Start()
	s.connected()
	s.passedOver(a, 4)
	require.Zero(t, s.runs("revoked-1"))
	require.Len(t, s.resultsOf("revoked"), 1, "nor is it answered again after a restart")
	s.deleteRow(wire.BucketScriptStatus, "revoked")
	s.ranMore("revoked-1", 2)
	s.deleteRow(wire.BucketSchedules, "often")
	s.armed(a, 1)
	s.quiet(a)
	require.Equal(t, 1, s.runs("once-2"))
	seen := map[string]bool{}
	for _, r := range s.resultsOf("once") {
		require.False(t, seen[r.RequestID], "two results of one fire")
		seen[r.RequestID] = true
	}
	require.Len(t, seen, s.runs("once-1")+1)
}

// settleIn is long enough for a broker that is there, and no 20 s.
const settleIn = 2 * time.Second

// Schedules and jobs that are edited, disabled or deleted are so at once.
func TestALocalScheduleIsEditedLive(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	a, _ := s.start()
	require.Zero(t, agent.LocalSchedules(a).Armed)
	s.putSchedule(wire.Schedule{ID: "s", JobID: "job"}) // its job comes later
	s.armed(a, 1)
	s.putJob("job", "1", "echo one")
	s.ranMore("job-1", 1)
	s.putJob("job", "2", "echo two")
	s.ranMore("job-2", 1)
	first := s.runs("job-1")
	s.putJob("other", "1", "echo other")
	s.putSchedule(wire.Schedule{ID: "s", JobID: "other"})
	s.ranMore("other-1", 2)
	require.Equal(t, first, s.runs("job-1"))

	s.putSchedule(wire.Schedule{ID: "s", JobID: "other", Disabled: true})
	s.armed(a, 0)
	s.putSchedule(wire.Schedule{ID: "s", JobID: "other", Target: wire.Target{Groups: []string{"lab"}}})
	s.putSchedule(wire.Schedule{ID: "elsewhere", JobID: "other", Target: wire.Target{PCIDs: []string{"PC-2"}}})
	s.quiet(a)
	before := s.runs("other-1")
	s.putRow(wire.BucketAgentGroups, pcID, []byte(`{"groups":["lab"]}`))
	s.armed(a, 1)
	s.ranMore("other-1", 1)
	require.Greater(t, s.runs("other-1"), before)
	s.deleteRow(wire.BucketSchedules, "s")
	s.armed(a, 0)
	s.quiet(a)
	for job, runs := range map[string]int{"job": s.runs("job-1") + s.runs("job-2"), "other": s.runs("other-1")} {
		s.onceEach(job, runs)
	}
}

// The buckets of schedules may come after the agent, and vanish; what was last
// known stays in force.
func TestTheBucketsOfLocalSchedulesMayComeAndGo(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, bucket := range []string{wire.BucketSchedules, wire.BucketJobs} {
		require.NoError(t, s.js.DeleteKeyValue(t.Context(), bucket))
	}
	a, _ := s.start()
	require.False(t, agent.LocalSchedules(a).Known)
	for _, bucket := range []string{wire.BucketSchedules, wire.BucketJobs} {
		_, err := s.js.CreateKeyValue(t.Context(), jetstream.KeyValueConfig{Bucket: bucket})
		require.NoError(t, err)
	}
	s.putSchedule(wire.Schedule{ID: "s", JobID: "job"})
	s.putJob("job", "1", "echo hello")
	s.ranMore("job-1", 1)
	require.NoError(t, s.js.DeleteKeyValue(t.Context(), wire.BucketSchedules))
	s.ranMore("job-1", 2)
}
