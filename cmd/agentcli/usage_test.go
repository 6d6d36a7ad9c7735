package agentcli

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMistypedFlagsNameTheNearest(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 3000)
	for line, want := range map[string]string{
		"run --nats-ulr x":          "unknown flag: --nats-ulr; did you mean --nats-url? (see kanade-agent run --help)",
		"--nats_url=x":              "did you mean --nats-url?",
		"run -nats-url x":           "unknown shorthand flag: 'n' in -nats-url; did you mean --nats-url?",
		"run -nats-url=x":           "did you mean --nats-url?",
		"run --nats x":              "did you mean --nats-url?",
		"run --token secret":        "did you mean --token-file?",
		"outbox ls --jsno":          "did you mean --json?",
		"outbox ls -x":              "unknown shorthand flag: 'x' in -x (see",
		"--json status":             "unknown flag: --json; it stands behind the verb that it is for (see",
		"outbox --json ls":          "unknown flag: --json; it stands behind the verb that it is for (see",
		"status --colour":           "unknown flag: --colour (see kanade-agent status --help)",
		"status --" + long:          "…",
		"status -" + long:           "…",
		"outbox ls --limit=" + long: "…",
		long:                        "unknown verb",
		"status " + long:            "status takes no argument such as",
		"outbox ls --box " + long:   "there is no box",
	} {
		b := newBench(t, nil)
		fill(t, b.around.dirs.data, "outbox/")
		_, err := b.do(t, strings.Split(line, " ")...)
		require.Equal(t, ExitUsage, ExitCode(err), line)
		require.ErrorContains(t, err, want)
		require.Less(t, len(err.Error()), 400)
	}
}

func TestAnEmptyVerbIsNearNone(t *testing.T) {
	t.Parallel()
	_, err := newBench(t, nil).do(t, "")
	require.EqualError(t, err, `unknown verb "" (see kanade-agent --help)`)
}

func TestHelpOfVerbs(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	for _, topic := range []string{"", "outbox", "outbox fsck", "help", "config check"} {
		got, err := b.do(t, append([]string{"help"}, strings.Fields(topic)...)...)
		require.NoError(t, err, topic)
		want, err := b.do(t, append(strings.Fields(topic), "--help")...)
		require.NoError(t, err)
		require.Equal(t, want, got, topic)
	}
	for line, want := range map[string]string{
		"help blub":          `unknown verb "blub" (see kanade-agent --help)`,
		"help ruin":          `unknown verb "ruin"; did you mean run?`,
		"help outbox fsk":    `unknown verb "fsk"; did you mean fsck`,
		"help outbox fsck x": `unknown verb "x" (see kanade-agent outbox fsck --help)`,
	} {
		out, err := b.do(t, strings.Split(line, " ")...)
		require.Equal(t, ExitUsage, ExitCode(err), line)
		require.ErrorContains(t, err, want)
		require.Empty(t, out)
	}
	for typed, want := range map[string]string{"help ": "outbox", "help outbox ": "fsck"} {
		out, err := b.do(t, append([]string{"__complete"}, strings.Split(typed, " ")...)...)
		require.NoError(t, err)
		require.Contains(t, out, want, typed)
	}
}
