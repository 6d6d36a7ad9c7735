package agenttest_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent"
	"github.com/kanade-go/kanade/agent/agenttest"
	"github.com/kanade-go/kanade/agent/wire"
)

func greet(_ context.Context, j agent.Job) error {
	switch j.Command.Script {
	case "":
		return errors.New("nobody to greet")
	case "bye":
		return &agent.ExitError{Code: 7, Err: errors.New("gone")}
	case "panic":
		panic("no manners")
	}
	_, err := fmt.Fprintf(j.Stdout, "hello, %s", j.Command.Script)
	return err
}

func TestAHandlersReturnBecomesAResult(t *testing.T) {
	h := agenttest.Start(t, agent.WithHandler("greet", agent.HandlerFunc(greet), agent.ReportInterrupted))
	for script, want := range map[string]struct {
		code           int32
		stdout, stderr string
	}{
		"world": {0, "hello, world", ""},
		"":      {1, "", "nobody to greet\n"},
		"bye":   {7, "", "gone\n"},
		"panic": {-1, "", "panic while the command ran: no manners"},
	} {
		r := h.Send(wire.Command{Shell: "greet", Script: script})
		require.Equal(t, want.code, r.ExitCode, script)
		require.Equal(t, want.stdout, r.Stdout)
		require.Equal(t, want.stderr, r.Stderr)
	}
}

func TestAScriptRunsToo(t *testing.T) {
	h := agenttest.Start(t)
	require.Equal(t, "hi\n", h.Send(wire.Command{Shell: "sh", Script: "echo hi"}).Stdout)
}

func TestATimeoutEndsAHandler(t *testing.T) {
	h := agenttest.Start(t, agent.WithHandler("wait", agent.HandlerFunc(func(ctx context.Context, _ agent.Job) error {
		<-ctx.Done()
		return ctx.Err()
	}), agent.ReportInterrupted))
	r := h.Send(wire.Command{Shell: "wait", TimeoutSecs: 1})
	require.EqualValues(t, -1, r.ExitCode)
	require.Equal(t, "timeout after 1s", r.Stderr)
}
