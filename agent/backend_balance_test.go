//go:build unix

package agent_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
)

// project takes what came into RESULTS, as the backend's projector does.
func (o *office) project() {
	o.t.Helper()
	require.NoError(o.t, o.projectNow(patience))
}

// projectNow is project for a broker that may be away. What could not be acked comes
// again, under the number in the stream that it had.
func (o *office) projectNow(limit time.Duration) error {
	o.t.Helper()
	ctx, cancel := context.WithTimeout(o.t.Context(), limit)
	defer cancel()
	consumer, err := o.js.Consumer(ctx, "RESULTS", "backend_results_projector")
	for n := 1; err == nil && n > 0; {
		var batch jetstream.MessageBatch
		if batch, err = consumer.FetchNoWait(500); err != nil {
			break
		}
		n = 0
		for m := range batch.Messages() {
			o.take(m)
			err = errors.Join(err, m.DoubleAck(ctx))
			n++
		}
		err = errors.Join(err, batch.Error())
	}
	return err
}

func (o *office) take(m jetstream.Msg) {
	o.t.Helper()
	meta, err := m.Metadata()
	require.NoError(o.t, err)
	place := o.place(meta.Sequence.Stream)
	if o.taken[place] {
		return
	}
	o.taken[place] = true
	r := decode(o.t, m.Data())
	id := r["request_id"].(string)
	require.Equal(o.t, "results."+id, m.Subject())
	o.stored[id] = append(o.stored[id], r)
}

// runs counts the lines that scripts have left.
func (o *office) runs(line string) int {
	o.t.Helper()
	return o.lines()[line]
}

func (o *office) lines() map[string]int {
	o.t.Helper()
	text, err := os.ReadFile(o.path("counts"))
	if !os.IsNotExist(err) {
		require.NoError(o.t, err)
	}
	count := map[string]int{}
	for line := range strings.Lines(string(text)) {
		count[strings.TrimSuffix(line, "\n")]++
	}
	return count
}

// rest waits until the agent owes nothing, and takes what it has sent.
func (o *office) rest() {
	o.t.Helper()
	o.eventually(func() bool {
		s := o.agent.Status()
		return s.Results.Pending+s.Starts.Pending+s.Observations.Pending+s.Ledger.Accepted+s.Ledger.Started == 0
	}, "the agent does not come to rest")
	o.eventually(func() bool { // a pull that is not answered within a second brings nothing
		o.project()
		return o.tookAll()
	}, "not every result is taken")
}

// tookAll reports that the backend has taken all that is in RESULTS.
func (o *office) tookAll() bool {
	stream, err := o.js.Stream(o.t.Context(), "RESULTS")
	if err != nil {
		return false
	}
	state := stream.CachedInfo().State
	for seq := state.FirstSeq; seq > 0 && seq <= state.LastSeq; seq++ {
		if !o.taken[o.place(seq)] {
			return false
		}
	}
	return true
}

// place names a message of RESULTS over wipes of the broker.
func (o *office) place(seq uint64) string { return fmt.Sprint(o.created, " ", seq) }

// balance compares every command that was ever sent with what became of it.
func (o *office) balance() {
	o.t.Helper()
	for _, c := range o.sent {
		o.result(c.id)
	}
	o.rest()
	for _, c := range o.sent {
		require.Len(o.t, o.stored[c.id], 1, c.id)
		r := o.stored[c.id][0]
		require.InDelta(o.t, c.exit, r["exit_code"], 0, "%s: %v", c.id, r["stderr"])
		require.Equal(o.t, pcID, r["pc_id"], c.id)
		require.Equal(o.t, c.runs, o.runs(c.id+"-"), c.id)
	}
}

// back waits for a broker that was started again.
func (o *office) back() {
	o.t.Helper()
	o.eventually(func() bool {
		_, err := o.js.AccountInfo(o.t.Context())
		return err == nil && o.nc.IsConnected()
	}, "the broker does not come back")
}

// wipe takes everything from the broker while a script runs, and has the backend set
// it up anew.
func (o *office) wipe(meanwhile func()) {
	o.t.Helper()
	o.endSchedule()
	o.balance()
	o.collectStarts()
	_ = os.Remove(o.path("gate"))
	id := o.send("commands.pc."+pcID, 0, 1, doc{"script": "while ! [ -e '" + o.path("gate") + "' ]; do sleep 0.05; done"})
	o.eventually(func() bool { return o.runs(id+"-") == 1 }, "it does not run")
	o.broker.Stop()
	o.broker.Wipe()
	o.openGate()
	o.eventually(func() bool { return o.agent.Status().Results.Pending == 1 }, "the result is not kept")
	meanwhile()
	o.broker.Start()
	o.back()
	o.createFleet()
	o.put("agent_groups", pcID, doc{"groups": []string{"lab"}})
	o.schedule()
}

// collectStarts reads the started events before they are wiped, and at the end.
func (o *office) collectStarts() {
	o.t.Helper()
	stream, err := o.js.Stream(o.t.Context(), "EVENTS")
	require.NoError(o.t, err)
	state := stream.CachedInfo().State
	for seq := state.FirstSeq; seq > 0 && seq <= state.LastSeq; seq++ {
		m, err := stream.GetMsg(o.t.Context(), seq)
		require.NoError(o.t, err)
		e := decode(o.t, m.Data)
		require.Equal(o.t, fmt.Sprintf("events.started.%s.%s", e["exec_id"], pcID), m.Subject)
		o.begun[e["request_id"].(string)] = append(o.begun[e["request_id"].(string)], e)
	}
}

// startsBalance compares the started events with the results: one for each execution
// that ran, with the result's id and time, and none for any other.
func (o *office) startsBalance() {
	o.t.Helper()
	o.collectStarts()
	ran := map[string]bool{}
	for _, c := range o.sent {
		ran[c.id] = c.runs > 0
	}
	for id, all := range o.stored {
		r := all[0]
		if r["exec_id"] == nil || !ran[id] && r["manifest_id"] != "local" {
			require.Empty(o.t, o.begun[id], "%s: %v", id, r)
			continue
		}
		require.Len(o.t, o.begun[id], 1, "%s: %v", id, r)
		for _, same := range []string{"result_id", "exec_id", "pc_id", "manifest_id", "started_at"} {
			require.Equal(o.t, r[same], o.begun[id][0][same], id)
		}
	}
	for id := range o.begun {
		require.Contains(o.t, o.stored, id, "started, and no result")
	}
}
