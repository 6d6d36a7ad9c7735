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
	place := fmt.Sprint(o.created, " ", meta.Sequence.Stream)
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
	o.project()
}

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
