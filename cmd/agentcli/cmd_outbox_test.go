package agentcli

import (
	"io"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent"
	"github.com/kanade-go/kanade/outbox"
)

func TestOutboxList(t *testing.T) {
	t.Parallel()
	b, _ := stateFolder(t)
	out, err := b.do(t, "outbox", "ls")
	require.NoError(t, err)
	require.Equal(t, strings.Join([]string{
		`BOX      NAME                   AGE  SIZE   STATE    NOTE`,
		`results  ` + strconv.Quote(hostile) + `  2h   12 B   stuck    no reason beside it`,
		`results  req-3                  2h   170 B  stuck    "refused after 12 attempts: too large\x1b[2J"`,
		`results  req-1                  2h   184 B  pending  `,
		`results  req-2                  2h   170 B  pending  `,
		``,
		`results: 4 records, 536 B, 2 stuck`,
		`events: empty, nothing waits for the broker`,
		`obs: empty, no agent has made its folder yet`,
		`inventory: empty, no agent has made its folder yet`,
		``,
	}, "\n"), out)
	require.Empty(t, b.started, "no agent is made")

	out, err = b.do(t, "outbox", "ls", "--long", "--stuck", "--limit", "1", "--box", "results")
	require.NoError(t, err)
	require.Contains(t, out, "unreadable: ")
	require.NotContains(t, out, "req-3")
	require.Contains(t, out, "4 records, 536 B, 2 stuck (1 more than shown)")
	require.NotContains(t, out, "\x1b")

	out, err = b.do(t, "outbox", "ls", "--json", "--long")
	require.NoError(t, err)
	lines := decodeLines(t, out)
	require.Len(t, lines, 4)
	require.Equal(t, hostile, lines[0]["name"])
	require.NotContains(t, out, "\x1b")
	last := lines[3]
	delete(last, "queued")
	require.Equal(t, map[string]any{
		"box": "results", "name": "req-2", "file": "req-2.json", "size": 170., "stuck": false,
		"record": "req-2", "subject": "results.req-2", "msg_id": "id-req-2",
	}, last)
	require.Equal(t, map[string]any{
		"when": "2031-03-04T05:00:01Z", "kind": "refused", "why": "too large\x1b[2J", "attempts": 12.,
	}, lines[1]["reason"])
}

func TestOutboxShow(t *testing.T) {
	t.Parallel()
	b, dir := stateFolder(t)
	out, err := b.do(t, "outbox", "show", "req-1")
	require.NoError(t, err)
	for _, line := range []string{
		"box:      results", "file:     " + filepath.Join(dir, "outbox", "req-1.json"), "record:   req-1", "state:    pending", "(2h ago)",
		"size:     184 B", "subject:  results.req-1", "message:  id-req-1", "payload:  184 B", `  "stdout": "hello\u001b[1m",`,
	} {
		require.Contains(t, out, line+"\n", line)
	}
	out, err = b.do(t, "outbox", "show", "stuck/req-3.json")
	require.NoError(t, err)
	require.Contains(t, out, `state:    stuck since 2031-03-04T05:00:01Z, "refused after 12 attempts: too large\x1b[2J"`+"\n")
	out, err = b.do(t, "outbox", "show", hostile)
	require.NoError(t, err)
	require.Contains(t, out, "content:  no record: ")
	require.Contains(t, out, `\u001b[2Jnonsense`)
	require.NotContains(t, out, "\x1b")

	out, err = b.do(t, "outbox", "show", "req-1", "--raw")
	require.NoError(t, err)
	require.Equal(t, resultText("req-1", "hello\x1b[1m"), out, "not a terminal: byte for byte")
	out, err = b.do(t, "outbox", "show", "req-1", "--json")
	require.NoError(t, err)
	require.Contains(t, out, `,"payload":`+resultText("req-1", "hello\x1b[1m")+"}\n")

	put(t, dir, "outbox/big.json", resultText("big", strings.Repeat("y", 2*mostPayload)))
	out, err = b.do(t, "outbox", "show", "big")
	require.NoError(t, err)
	require.Less(t, len(out), mostPayload+1000)
	require.Contains(t, out, "--raw has all")
}

func TestOutboxShowOfSeveral(t *testing.T) {
	t.Parallel()
	b, dir := stateFolder(t)
	put(t, dir, "outbox/req-3.json", resultText("req-3", "again"))
	_, err := b.do(t, "outbox", "show", "req-3")
	require.ErrorContains(t, err, "req-3 is more than one record (results: stuck/req-3.json, results: req-3.json)")
	for _, name := range []string{"stuck/req-3.json", "req-3.json"} {
		out, err := b.do(t, "outbox", "show", name)
		require.NoError(t, err)
		require.Contains(t, out, filepath.FromSlash(name)+"\n")
	}
}

// A folder that an agent has open is looked at, and not repaired.
func TestOutboxBesideAnAgent(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	box, err := outbox.Open(agent.Boxes(b.around.dirs.data)[0].Dir, outbox.WithCodec(anyPayload{}))
	require.NoError(t, err)
	defer func() { require.NoError(t, box.Close()) }()
	require.NoError(t, box.Put(t.Context(), outbox.Record{Name: "req-1", Data: []byte(resultText("req-1", ""))}))
	out, err := b.do(t, "outbox", "ls")
	require.NoError(t, err)
	require.Contains(t, out, "results: 1 record, ")
	_, err = b.do(t, "outbox", "fsck")
	require.NoError(t, err)
	_, err = b.do(t, "outbox", "fsck", "--repair")
	require.ErrorIs(t, err, outbox.ErrLocked)
	require.ErrorContains(t, err, "stop the agent first (kanade-agent stop)")
	require.Equal(t, ExitError, ExitCode(err))
	require.Equal(t, 1, box.Stats().Pending)
}

// anyPayload writes what it is given.
type anyPayload struct{ outbox.JSONEnvelope }

func (anyPayload) Encode(w io.Writer, r outbox.Record) error {
	_, err := w.Write(r.Data)
	return err
}

func TestOutboxErrors(t *testing.T) {
	t.Parallel()
	b, dir := stateFolder(t)
	empty := t.TempDir()
	for name, tc := range map[string]struct {
		args string
		want string
		code int
	}{
		"unknown verb":     {"sl", `unknown verb "sl"`, ExitUsage},
		"near verb":        {"lss", `did you mean ls?`, ExitUsage},
		"argument":         {"ls now", `ls takes no argument such as "now"`, ExitUsage},
		"unknown box":      {"ls --box x", `there is no box "x"; there are results, events, obs, inventory`, ExitUsage},
		"bad limit":        {"ls --limit -1", "negative", ExitUsage},
		"no name":          {"show", "takes the name of one record", ExitUsage},
		"two names":        {"show a b", "takes the name of one record", ExitUsage},
		"not there":        {"show req-9", "no record req-9 in the outboxes of " + dir, ExitError},
		"outside":          {"show ../FORMAT", "no record ../FORMAT", ExitError},
		"requeue nothing":  {"requeue", "names of records, or --all", ExitUsage},
		"requeue both":     {"requeue --all x", "names of records, or --all", ExitUsage},
		"raw and json":     {"show req-1 --raw --json", "exclude each other", ExitUsage},
		"file and dir":     {"export -o a --dir b", "exclude each other", ExitUsage},
		"no folder":        {"ls --data-dir " + empty + "/none", "no state folder at " + filepath.Join(empty, "none") + " (from --data-dir)", ExitError},
		"another folder":   {"ls --data-dir " + empty, "no agent has used it", ExitError},
		"no configuration": {"ls --config /no/such.toml", "/no/such.toml", ExitError},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, nil)
			b.around.dirs.data = dir
			_, err := b.do(t, append([]string{"outbox"}, strings.Fields(tc.args)...)...)
			require.ErrorContains(t, err, tc.want)
			require.Equal(t, tc.code, ExitCode(err))
			require.NotContains(t, oneLine(err), "\n")
		})
	}
	out, err := b.do(t, "outbox")
	require.NoError(t, err)
	require.Contains(t, out, "Available Commands:")
}

func TestEveryOutboxVerbHasHelpAndAnExample(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	for _, cmd := range b.outboxCommand().Commands() {
		require.Contains(t, cmd.Example, "kanade-agent outbox "+cmd.Name(), cmd.Name())
		out, err := b.do(t, "outbox", cmd.Name(), "--help")
		require.NoError(t, err)
		for _, flag := range []string{"--json", "--box", "--data-dir", "--config", "KANADE_AGENT_DATA_DIR"} {
			require.Contains(t, out, flag, cmd.Name())
		}
	}
}
