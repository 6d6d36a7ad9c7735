//go:build unix

package agent_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent"
)

// layers: the layer of the host beats that of its group, which beats that of all.
func (o *office) layers() {
	o.t.Helper()
	beats, done := o.core("heartbeat." + pcID)
	defer done()
	loads, done := o.core("host_perf." + pcID)
	defer done()
	busiest, done := o.core("process_perf." + pcID)
	defer done()
	o.put("agent_config", "global", doc{"heartbeat_interval": "1h", "host_perf_interval": "1h"})
	o.put("agent_config", "groups.lab", doc{"host_perf_interval": "1s", "heartbeat_interval": "2h"})
	o.put("agent_config", "pcs."+pcID, doc{"heartbeat_interval": "1s", "process_perf_enabled": true})
	for range 3 {
		require.Equal(o.t, pcID, beats()["pc_id"])
		require.Equal(o.t, pcID, loads()["pc_id"])
	}
	require.NotEmpty(o.t, busiest()["processes"])
	o.put("agent_config", "pcs."+pcID, doc{})
}

// objects: a script from the store, and output that goes into one.
func (o *office) objects() {
	o.t.Helper()
	script := fmt.Sprintf("echo object >> '%s'\nhead -c 300000 /dev/zero | tr '\\0' x; echo beside >&2", o.path("counts"))
	sum := sha256.Sum256([]byte(script))
	store, err := o.js.ObjectStore(o.t.Context(), "scripts")
	require.NoError(o.t, err)
	_, err = store.PutString(o.t.Context(), "tool/1", script)
	require.NoError(o.t, err)
	before := o.runs("object")
	id := o.send("commands.pc."+pcID, 0, 0, doc{"script_object": "tool/1", "script_object_sha256": hex.EncodeToString(sum[:])})
	r := o.result(id)
	require.Equal(o.t, []any{"", "beside\n"}, []any{r["stdout"], r["stderr"]})
	require.Equal(o.t, before+1, o.runs("object"))
	output, err := o.js.ObjectStore(o.t.Context(), "result_output")
	require.NoError(o.t, err)
	ctx, cancel := context.WithTimeout(o.t.Context(), patience) // without, each chunk has 5 s
	defer cancel()
	text, err := output.GetString(ctx, r["stdout_object"].(string))
	require.NoError(o.t, err)
	require.Equal(o.t, strings.Repeat("x", 300_000), text)
}

// emits: what a script reports becomes observations, and no output.
func (o *office) emits() {
	o.t.Helper()
	line := `{"pc_id":"whoever","at":"2031-03-04T04:59:30Z","kind":"logon","source":"winlog:Security","event_record_id":"9","payload":{"n":1}}`
	id := o.send("commands.pc."+pcID, 0, 1, doc{"emit": doc{"type": "events"}, "script": "cat <<'X'\n" + line + "\n\nX"})
	require.Empty(o.t, o.result(id)["stdout"])
	o.eventually(func() bool { return o.observed("logon") == 1 }, "the event is not stored")
	id = o.send("commands.pc."+pcID, 3, 1, doc{"emit": doc{"type": "events"}, "script": "cat <<'X'\n" + line + "\nX\nexit 3"})
	require.Equal(o.t, line+"\n", o.result(id)["stdout"], "a script that fails reports nothing")
	require.Equal(o.t, 1, o.observed("logon"))
}

// emitsInAnOutage has a script report while the broker is away; what it reported, its
// start and its result are there when the broker is back.
func (o *office) emitsInAnOutage() {
	o.t.Helper()
	o.rest() // what an outage before this one has kept is counted too, until it is sent
	_ = os.Remove(o.path("gate"))
	line := `{"pc_id":"whoever","at":"2031-03-04T04:59:30Z","kind":"resume","source":"winlog:System"}`
	id := o.send("commands.pc."+pcID, 0, 1, doc{
		"exec_id": "x-outage", "emit": doc{"type": "events"},
		"script": "while ! [ -e '" + o.path("gate") + "' ]; do sleep 0.05; done; cat <<'X'\n" + line + "\nX",
	})
	o.eventually(func() bool { return o.runs(id+"-") == 1 }, "it does not run")
	o.broker.Kill()
	o.openGate()
	o.eventually(func() bool {
		s := o.agent.Status()
		return s.Results.Pending == 1 && s.Observations.Pending == 1
	}, "the result and the event are not kept")
	o.stop()
	o.startAgent()
	o.broker.Start()
	o.back()
	require.Empty(o.t, o.result(id)["stdout"])
	o.eventually(func() bool { return o.observed("resume") == 1 }, "the event is not stored")
}

// edits: a schedule that is switched off rests, one that is switched on again fires, and
// what it runs is what the job is now.
func (o *office) edits() {
	o.t.Helper()
	off := localSchedule("* * * * * *")
	off["enabled"] = false
	o.put("schedules", "often", off)
	o.eventually(func() bool { return agent.LocalSchedules(o.agent).Armed == 0 }, "the schedule goes on")
	job := localJob(o.path("counts"))
	job["version"] = "2"
	job["execute"].(doc)["script"] = fmt.Sprintf("echo local >> '%s'; echo edited >> '%s'", o.path("counts"), o.path("counts"))
	o.put("jobs", "local", job)
	o.put("schedules", "often", localSchedule("* * * * * *"))
	o.eventually(func() bool { return o.runs("edited") > 0 }, "the job stays as it was")
}

// observed counts the observations of a kind.
func (o *office) observed(kind string) (n int) {
	o.t.Helper()
	stream, err := o.js.Stream(o.t.Context(), "OBS_EVENTS")
	require.NoError(o.t, err)
	for seq := stream.CachedInfo().State.FirstSeq; seq > 0 && seq <= stream.CachedInfo().State.LastSeq; seq++ {
		m, err := stream.GetMsg(o.t.Context(), seq)
		require.NoError(o.t, err)
		require.Equal(o.t, "obs."+pcID, m.Subject)
		e := decode(o.t, m.Data)
		require.Equal(o.t, pcID, e["pc_id"])
		if e["kind"] == kind {
			n++
		}
	}
	return n
}

// answers: pings, the end of the log, and what a running script has written.
func (o *office) answers() {
	o.t.Helper()
	pong := decode(o.t, o.ask("agents."+pcID+".ping", ""))
	require.Equal(o.t, pcID, pong["pc_id"])
	today := o.path("agent." + time.Now().UTC().Format(time.DateOnly) + ".log")
	require.NoError(o.t, os.WriteFile(today, []byte("one\ntwo\nthree\n"), 0o600))
	require.Equal(o.t, "two\nthree\n", string(o.ask("logs.fetch."+pcID, `{"tail_lines":2}`)))
	require.Equal(o.t, "one\ntwo\nthree\n", string(o.ask("logs.fetch."+pcID, "junk")))

	_ = os.Remove(o.path("gate"))
	exec := fmt.Sprint("x-tail-", len(o.sent))
	id := o.send("commands.pc."+pcID, 0, 1, doc{"exec_id": exec, "script": "echo so far; while ! [ -e '" + o.path("gate") + "' ]; do sleep 0.05; done"})
	request := encode(o.t, doc{"result_id": o.storedAt("EVENTS", "events.started."+exec+"."+pcID)["result_id"]})
	o.eventually(func() bool {
		tail := decode(o.t, o.ask("job.tail."+pcID, string(request)))
		return tail["stdout"] == "so far\n" && tail["running"] == true
	}, "no tail")
	o.openGate()
	require.Equal(o.t, "so far\n", o.result(id)["stdout"])
}

// schedule has the agent run a job every second by itself.
func (o *office) schedule() {
	o.t.Helper()
	o.put("jobs", "local", localJob(o.path("counts")))
	o.put("schedules", "often", localSchedule("* * * * * *"))
	o.fires()
}

// fires waits until the local job has run again.
func (o *office) fires() {
	o.t.Helper()
	before := o.runs("local")
	o.eventually(func() bool { return o.runs("local") > before }, "the schedule does not fire")
}

// endSchedule takes the schedule back.
func (o *office) endSchedule() {
	o.t.Helper()
	o.remove("schedules", "often")
	o.eventually(func() bool { return agent.LocalSchedules(o.agent).Armed == 0 }, "the schedule stays")
}

// consumers are those that the broker keeps on a stream.
func (o *office) consumers(stream string) (names []string) {
	o.t.Helper()
	s, err := o.js.Stream(o.t.Context(), stream)
	require.NoError(o.t, err)
	list := s.ConsumerNames(o.t.Context())
	for name := range list.Name() {
		names = append(names, name)
	}
	require.NoError(o.t, list.Err())
	return names
}
