//go:build unix

package agent_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// One story of a host and its backend: every flow of the contract, every order in
// which broker and agent can come and go, and at its end each command that was ever
// sent is counted: as many runs and results as there should be, never one more.
func TestABackendDrivesEveryFlowThroughEveryRestart(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.startAgent() // before there is a broker
	o.broker.Start()
	o.connect()
	ready(t, o.agent) // before there is a stream
	o.createFleet()
	for _, flow := range []func(){o.runsAdHoc, o.executes, o.leaves, o.kills, o.refuses, o.layers, o.objects, o.emits, o.answers} {
		flow()
	}
	o.strictInAnOutage()
	o.broker.Start()
	o.back()
	o.emitsInAnOutage()
	o.schedule()
	o.oneEach()
	o.restartInEveryOrder()
	o.edits()
	o.wipeInEveryOrder()
	o.kills()
	o.answers()
	o.endSchedule()
	o.balance()
	o.startsBalance()
	require.Zero(t, o.runs("not-ours-"))
	require.Equal(t, []string{"agent_replay_PC-1"}, o.consumers("EXEC"))
	t.Logf("%d commands and %d runs of a local schedule: one result each", len(o.sent), o.localRuns())
}

// oneEach has one command done that came on each way to the host.
func (o *office) oneEach() {
	o.t.Helper()
	o.done(o.sendEach())
}

func (o *office) sendEach() (ids []string) {
	o.t.Helper()
	for _, subject := range []string{"commands.pc." + pcID, "commands.group.lab", "commands.all"} {
		ids = append(ids, o.send(subject, 0, 1, doc{"exec_id": fmt.Sprint("x-each-", len(o.sent))}))
	}
	return ids
}

// done waits for results. Until then nothing else may be sent to an agent that is on
// its way: the stream keeps one command a subject.
func (o *office) done(ids []string) {
	o.t.Helper()
	for _, id := range ids {
		o.result(id)
	}
}

func (o *office) restartInEveryOrder() {
	o.t.Helper()
	o.broker.Kill() // the broker alone; the schedule goes on without it
	o.fires()
	o.broker.Start()
	o.back()
	o.oneEach()

	o.stop() // the agent alone; the broker has something for it when it comes back
	waiting := o.sendEach()
	o.startAgent()
	o.done(waiting)
	o.oneEach()

	o.broker.Kill() // both, the agent comes back first, and knows its schedule
	o.stop()
	o.startAgent()
	o.fires()
	o.broker.Start()
	o.back()
	o.oneEach()

	o.stop() // both, the broker comes back first
	o.broker.Restart()
	o.back()
	waiting = o.sendEach()
	o.startAgent()
	o.done(waiting)
	o.oneEach()
}

func (o *office) wipeInEveryOrder() {
	o.t.Helper()
	o.wipe(func() {}) // under a running agent
	o.oneEach()
	o.objects()
	o.wipe(func() { o.stop(); o.startAgent() }) // the agent is restarted meanwhile
	o.oneEach()
	o.oneEach()
}

// localRuns counts the runs of the local schedule, each of which has one result.
func (o *office) localRuns() (n int) {
	o.t.Helper()
	for id, all := range o.stored {
		if all[0]["manifest_id"] == "local" {
			require.Len(o.t, all, 1, id)
			n++
		}
	}
	require.Equal(o.t, o.runs("local"), n)
	return n
}
