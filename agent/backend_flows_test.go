//go:build unix

package agent_test

import (
	"os"
	"time"

	"github.com/stretchr/testify/require"
)

// core listens to a subject without JetStream until done. Whoever goes on listening
// to results hides from the agent that their stream is missing.
func (o *office) core(subject string) (next func() doc, done func()) {
	o.t.Helper()
	sub, err := o.nc.SubscribeSync(subject)
	require.NoError(o.t, err)
	require.NoError(o.t, o.nc.FlushTimeout(patience))
	return func() doc {
		o.t.Helper()
		m, err := sub.NextMsg(patience)
		require.NoError(o.t, err, subject)
		return decode(o.t, m.Data)
	}, func() { require.NoError(o.t, sub.Unsubscribe()) }
}

// ask waits for an answer, from an agent that may still be on its way.
func (o *office) ask(subject, request string) (answer []byte) {
	o.t.Helper()
	o.eventually(func() bool {
		m, err := o.nc.Request(subject, []byte(request), patience)
		if err == nil {
			answer = m.Data
		}
		return err == nil
	}, "no answer on "+subject)
	return answer
}

// storedAt waits for the last message of a stream on a subject.
func (o *office) storedAt(stream, subject string) (found doc) {
	o.t.Helper()
	o.eventually(func() bool {
		s, err := o.js.Stream(o.t.Context(), stream)
		if err != nil {
			return false
		}
		m, err := s.GetLastMsgForSubject(o.t.Context(), subject)
		if err == nil {
			found = decode(o.t, m.Data)
		}
		return err == nil
	}, "nothing on "+subject)
	return found
}

// runsAdHoc is what an operator's run does: a command without an execution, and an ear on
// the core subject of its result.
func (o *office) runsAdHoc() {
	o.t.Helper()
	heard, done := o.core("results.>")
	defer done()
	id := o.send("commands.pc."+pcID, 3, 1, doc{"id": "adhoc-run", "version": "0.0.0", "script": "echo hello; echo oops >&2; exit 3"})
	r := heard()
	require.Equal(o.t, []any{"hello\n", "oops\n", "adhoc-run", id}, []any{r["stdout"], r["stderr"], r["manifest_id"], r["request_id"]})
	require.Equal(o.t, r, o.result(id))
}

// executes sends executions to the host, to a group of it, to one that is not its
// own, and to all.
func (o *office) executes() {
	o.t.Helper()
	o.send("commands.all", 0, 1, doc{"exec_id": "x-all"})
	o.put("agent_groups", pcID, doc{"groups": []string{"lab", "lab"}})
	id := o.send("commands.group.lab", 0, 1, doc{"exec_id": "x-lab"})
	o.send("commands.pc."+pcID, 0, 1, doc{"job_id": "x-pc"}) // the old name of exec_id
	require.NoError(o.t, o.nc.Publish("commands.group.other", []byte(
		`{"id":"job","version":"1","request_id":"not-ours","shell":"sh","script":"echo not-ours- >> `+o.path("counts")+`","timeout_secs":9}`)))
	started := o.storedAt("EVENTS", "events.started.x-lab."+pcID)
	require.Equal(o.t, o.result(id)["result_id"], started["result_id"])
	require.Equal(o.t, o.result(id)["started_at"], started["started_at"])
	o.storedAt("EVENTS", "events.started.x-pc."+pcID)
	o.storedAt("EVENTS", "events.started.x-all."+pcID)
}

// kills ends a script that runs, by hand and by its own timeout.
func (o *office) kills() {
	o.t.Helper()
	id := o.send("commands.pc."+pcID, -1, 1, doc{"exec_id": "x-kill", "script": "sleep 1000"})
	o.eventually(func() bool { return o.runs(id+"-") == 1 }, "it does not run")
	require.NoError(o.t, o.nc.Publish("kill.x-kill", nil))
	require.Contains(o.t, o.result(id)["stderr"], "kill.x-kill")
	id = o.send("commands.pc."+pcID, -1, 1, doc{"exec_id": "x-late", "timeout_secs": 5, "script": "sleep 1000"}) // it counts itself before
	require.Contains(o.t, o.result(id)["stderr"], "timeout after 5s")
	id = o.send("commands.pc."+pcID, -1, 0, doc{"exec_id": "x-jitter", "jitter_secs": 1_000_000_000}) // in its wait before the start
	o.eventually(func() bool { return o.agent.Status().Ledger.Accepted == 1 }, "it is not accepted")
	require.NoError(o.t, o.nc.Publish("kill.x-jitter", nil))
	require.Contains(o.t, o.result(id)["stderr"], "kill.x-jitter")
}

// leaves: what is for a group that the host has left is not for the host.
func (o *office) leaves() {
	o.t.Helper()
	o.put("agent_groups", pcID, doc{"groups": []string{"side", "lab"}})
	o.result(o.send("commands.group.side", 0, 1, doc{"exec_id": "x-side"}))
	o.put("agent_groups", pcID, doc{"groups": []string{"next", "lab"}})
	o.result(o.send("commands.group.next", 0, 1, doc{"exec_id": "x-next"})) // the change is known
	require.NoError(o.t, o.nc.Publish("commands.group.side", []byte(
		`{"id":"job","version":"1","request_id":"left","shell":"sh","script":"echo not-ours- >> `+o.path("counts")+`","timeout_secs":9}`)))
	o.put("agent_groups", pcID, doc{"groups": []string{"lab"}})
}

// refuses drives everything that keeps a command from its start.
func (o *office) refuses() {
	o.t.Helper()
	o.put("script_status", "revoked", "REVOKED")
	o.put("script_current", "pinned", "2")
	to := "commands.pc." + pcID
	o.send(to, 126, 0, doc{"id": "revoked", "exec_id": "x-126"})
	o.send(to, 126, 0, doc{"id": "revoked", "staleness": doc{"mode": "unchecked"}})
	o.send(to, 124, 0, doc{"id": "pinned", "exec_id": "x-124"})
	o.send(to, 0, 1, doc{"id": "pinned", "version": "2"})
	o.send(to, 125, 0, doc{"exec_id": "x-125", "deadline_at": "2020-01-01T00:00:00Z"})
	o.send(to, 0, 1, doc{"deadline_at": time.Now().Add(time.Hour).UTC().Format(time.RFC3339)})
	id := o.send(to, 0, 1, doc{"staleness": doc{"mode": "strict", "max_cache_age": "0s"}})
	o.result(id)
	o.put("script_status", "revoked", "ACTIVE")
	o.send(to, 0, 1, doc{"id": "revoked"})
}

// strictInAnOutage has a strict command wait behind others until the broker is away.
func (o *office) strictInAnOutage() {
	o.t.Helper()
	o.rest() // the results that are kept are counted
	o.fillSlots()
	o.send("commands.pc."+pcID, 127, 0, doc{"exec_id": "x-127", "staleness": doc{"mode": "strict", "max_cache_age": "0s"}})
	o.eventually(func() bool { return o.agent.Status().Commands.Waiting == 1 }, "the strict one does not wait")
	o.broker.Kill()
	o.eventually(func() bool { return !o.agent.Status().Connected }, "the loss of the connection is not noticed")
	o.openGate()
	o.eventually(func() bool { return o.agent.Status().Results.Pending == o.cfg.Concurrency+1 }, "the results are not kept")
}

// fillSlots has as many scripts run as may, until openGate.
func (o *office) fillSlots() {
	o.t.Helper()
	_ = os.Remove(o.path("gate"))
	for range o.cfg.Concurrency {
		o.send("commands.pc."+pcID, 0, 1, doc{"script": "while ! [ -e '" + o.path("gate") + "' ]; do sleep 0.05; done"})
	}
	o.eventually(func() bool { return o.agent.Status().Commands.Running == o.cfg.Concurrency }, "the slots are not taken")
}

func (o *office) openGate() { require.NoError(o.t, os.WriteFile(o.path("gate"), nil, 0o600)) }
