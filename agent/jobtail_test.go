package agent_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent"
	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/retry/jstest"
)

// What a running script has written is there for whoever asks, and for a while
// after its end.
func TestTheTailOfAJobOverARealBroker(t *testing.T) {
	t.Parallel()
	needsSh(t)
	broker := jstest.StartBroker(t)
	back := newBackend(t, broker)
	a, _ := startAgent(t, newConfig(t, broker.URL()))
	ready(t, a)
	ask := func(request []byte) (tail wire.JobTail) {
		t.Helper()
		var reply *nats.Msg
		require.Eventually(t, func() (ok bool) {
			var err error
			reply, err = back.nc.Request("job.tail."+pcID, request, patience)
			return err == nil
		}, patience, 10*time.Millisecond)
		tail, err := wire.DecodeJobTail(reply.Data)
		require.NoError(t, err)
		return tail
	}
	require.Zero(t, ask([]byte(`{"result_id":"nobody"}`)))
	require.Zero(t, ask([]byte(`not json`)))
	require.Zero(t, ask(nil))

	known := wire.JobTailRequest{ResultID: wire.ResultID("r", pcID)}.Encode()
	goOn := filepath.Join(t.TempDir(), "go")
	// 300 KiB of bytes that are six times as long in JSON, then a line: more than
	// the tail keeps, and more than a reply may have.
	back.send(sh("r", `head -c 300000 /dev/zero; echo first; echo problem >&2; while [ ! -e '`+goOn+`' ]; do sleep 0.05; done; echo last`))
	var tail wire.JobTail
	require.Eventually(t, func() bool {
		tail = ask(known)
		return tail.Running && tail.Stderr == "problem\n"
	}, patience, 250*time.Millisecond)
	require.True(t, tail.Found && tail.StdoutTruncated && !tail.StderrTruncated)
	require.True(t, strings.HasSuffix(tail.Stdout, "\x00first\n"))
	require.Greater(t, len(tail.Stdout), 100_000)
	require.NoError(t, os.WriteFile(goOn, nil, 0o600))
	require.Eventually(t, func() bool {
		tail = ask(known)
		return tail.Found && !tail.Running
	}, patience, 250*time.Millisecond)
	require.True(t, strings.HasSuffix(tail.Stdout, "\x00first\nlast\n"))
}

// A handler's output is seen while it works, as a script's is.
func TestTheTailOfAHandler(t *testing.T) {
	t.Parallel()
	broker := jstest.StartBroker(t)
	back := newBackend(t, broker)
	wrote, goOn := make(chan struct{}), make(chan struct{})
	a, _ := startAgent(t, newConfig(t, broker.URL()), agent.WithHandler("work", agent.HandlerFunc(func(_ context.Context, j agent.Job) error {
		_, err := fmt.Fprint(j.Stdout, "so far")
		close(wrote)
		<-goOn
		return err
	}), agent.ReportInterrupted))
	ready(t, a)
	c := sh("r", "")
	c.Shell = "work"
	back.send(c)
	<-wrote
	var reply *nats.Msg
	require.Eventually(t, func() bool { // an agent that takes commands may not yet answer this
		var err error
		reply, err = back.nc.Request("job.tail."+pcID, wire.JobTailRequest{ResultID: wire.ResultID("r", pcID)}.Encode(), answerTime)
		return err == nil
	}, patience, 10*time.Millisecond)
	close(goOn)
	tail, err := wire.DecodeJobTail(reply.Data)
	require.NoError(t, err)
	require.Equal(t, wire.JobTail{Found: true, Running: true, Stdout: "so far"}, tail)
	require.Equal(t, "so far", back.result("r").Stdout)
}
