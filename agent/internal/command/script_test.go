package command

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/exec"
)

func TestAScriptRunsAsTheCommandSays(t *testing.T) {
	t.Parallel()
	for as, want := range map[wire.RunAs]exec.As{
		wire.RunAsSystem:    exec.AsSystem,
		wire.RunAsUser:      exec.AsUser,
		wire.RunAsSystemGUI: exec.AsSystemGUI,
	} {
		var got exec.Spec
		s := Script{Shell: exec.Cmd, Env: []string{"AGENT=1"}, MaxOutput: 77, Runner: exec.RunnerFunc(
			func(_ context.Context, spec exec.Spec) (exec.Outcome, error) {
				got = spec
				return exec.Outcome{Code: 5}, nil
			})}
		o, err := s.Run(t.Context(), wire.Command{Script: "dir", Cwd: `~\x`, RunAs: as, TimeoutSecs: 3}, 1)
		require.NoError(t, err)
		require.Equal(t, 5, o.Code)
		expected := exec.Spec{
			Shell: exec.Cmd, Script: "dir", Dir: `~\x`, ExpandDir: true, As: want,
			Timeout: 3 * time.Second, MaxOutput: 77,
		}
		if as == wire.RunAsSystem {
			expected.Env = s.Env
		}
		require.Equal(t, expected, got, "nobody else sees the agent's environment")
	}
}

func TestAScriptThatCannotRunAsTheCommandSaysFailsWithTheReason(t *testing.T) {
	t.Parallel()
	s := Script{Runner: exec.RunnerFunc(func(context.Context, exec.Spec) (exec.Outcome, error) {
		return exec.Outcome{}, exec.ErrNoUser
	})}
	_, err := s.Run(t.Context(), wire.Command{RunAs: wire.RunAsUser}, 1)
	require.ErrorIs(t, err, exec.ErrNoUser)
	result := resultOfRun(wire.Command{RequestID: "r"}, "pc", exec.Outcome{}, err, nil)
	require.EqualValues(t, wire.ExitFailed, result.ExitCode)
	require.Equal(t, "not run: no user is logged on", result.Stderr)

	s.Runner = exec.RunnerFunc(func(context.Context, exec.Spec) (exec.Outcome, error) {
		panic(errors.New("must not be asked"))
	})
	_, err = s.Run(t.Context(), wire.Command{RunAs: 9}, 1)
	require.ErrorContains(t, err, "not run: unknown run_as")
}
