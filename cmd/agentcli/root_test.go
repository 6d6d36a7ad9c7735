package agentcli

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

// What the program makes for one command line says what the whole tree says.
func TestATreeOfOneVerbIsTheWholeOneForIt(t *testing.T) {
	t.Parallel()
	b := newTree(Brand{}.withDefaults(), nil)
	said := func(whole bool, args ...string) (code int, out, problem string) {
		root := b.commandFor(args)
		if whole {
			root = b.command()
		}
		var stdout, stderr bytes.Buffer
		root.SetOut(&stdout)
		root.SetErr(&stderr)
		code = execute(root, args, &stdout, &stderr)
		return code, stdout.String(), stderr.String()
	}
	for _, v := range b.subcommands() {
		require.Equal(t, v.name, v.make().Name())
		for _, rest := range [][]string{{"--help"}, {"--nonsense"}, {"--nats-ulr", "x"}, {"nonsense", "--json"}, {"help"}, {"-h", "more"}} {
			args := append([]string{v.name}, rest...)
			code, out, problem := said(false, args...)
			wantCode, wantOut, wantProblem := said(true, args...)
			require.Equal(t, wantCode, code, args)
			require.Equal(t, wantOut, out, args)
			require.Equal(t, wantProblem, problem, args)
		}
	}
	require.Len(t, b.commandFor([]string{"run"}).Commands(), 1)
	for _, args := range [][]string{nil, {"--help"}, {"nonsense"}, {"help", "run"}, {"--config", "x", "run"}, {"completion", "bash"}, {"__complete", "run", ""}} {
		require.Greater(t, len(b.commandFor(args).Commands()), 10, args)
	}
}
