package agentcli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent"
	"github.com/kanade-go/kanade/outbox"
)

func resultText(request, stdout string) string {
	text, err := json.Marshal(stdout)
	if err != nil {
		panic(err)
	}
	return fmt.Sprintf(`{"result_id":"id-%s","request_id":%q,"pc_id":"lab","exit_code":0,"stdout":%s,"stderr":"",`+
		`"started_at":"2031-03-04T05:00:01Z","finished_at":"2031-03-04T05:00:09Z"}`, request, request, text)
}

// stateFolder is one with some records, and a bench whose default it is.
func stateFolder(t *testing.T) (*bench, string) {
	t.Helper()
	b := newBench(t, nil)
	dir := b.around.dirs.data
	for name, text := range map[string]string{
		"outbox/req-1.json":                 resultText("req-1", "hello\x1b[1m"),
		"outbox/req-2.json":                 resultText("req-2", ""),
		"outbox/stuck/req-3.json":           resultText("req-3", ""),
		"outbox/stuck/req-3.reason":         `{"when":"2031-03-04T05:00:01Z","kind":"refused","why":"too large\u001b[2J","attempts":12}`,
		"outbox/stuck/" + hostile + ".json": "\x1b[2Jnonsense",
		"events-outbox/.lock":               "",
		"outbox/" + strings.Repeat("x", 10): "foreign",
	} {
		put(t, dir, name, text)
	}
	for _, folder := range []string{"outbox", "outbox/stuck", "events-outbox"} {
		require.NoError(t, os.Chmod(filepath.Join(dir, folder), 0o700))
	}
	return b, dir
}

var twoHoursAgo = time.Now().Add(-2 * time.Hour)

// put writes a file that is two hours old, give or take its name.
func put(t *testing.T, dir, name, text string) {
	t.Helper()
	path := filepath.Join(dir, name)
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	when := twoHoursAgo.Add(time.Duration(-len(name)) * time.Second)
	require.NoError(t, os.Chtimes(path, when, when))
}

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

func decodeLines(t *testing.T, out string) (all []map[string]any) {
	t.Helper()
	for line := range strings.Lines(out) {
		var one map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &one), line)
		all = append(all, one)
	}
	return all
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

func TestOutboxRequeue(t *testing.T) {
	t.Parallel()
	b, dir := stateFolder(t)
	_, err := b.do(t, "outbox", "requeue", "req-3", "unknown")
	require.ErrorContains(t, err, "no record unknown")
	require.FileExists(t, filepath.Join(dir, "outbox", "stuck", "req-3.json"), "all or nothing")
	out, err := b.do(t, "outbox", "requeue", "req-3", "req-1")
	require.NoError(t, err)
	require.Equal(t, "results: req-3 requeued\nresults: req-1 is pending already\n"+
		"1 record requeued; a running agent finds them within a minute, a stopped one at its start\n", out)
	require.FileExists(t, filepath.Join(dir, "outbox", "req-3.json"))
	require.NoFileExists(t, filepath.Join(dir, "outbox", "stuck", "req-3.reason"))
	out, err = b.do(t, "outbox", "requeue", "--all", "--json")
	require.NoError(t, err)
	require.JSONEq(t, `{"requeued":[{"box":"results","name":`+quoted(t, hostile)+`,"file":`+quoted(t, "stuck/"+hostile+".json")+`}],"pending":[]}`, out)
	out, err = b.do(t, "outbox", "requeue", "--all")
	require.NoError(t, err)
	require.Equal(t, "nothing is stuck\n", out)
}

// A record whose place is taken does not keep the others.
func TestOutboxRequeueGoesOn(t *testing.T) {
	t.Parallel()
	b, dir := stateFolder(t)
	put(t, dir, "outbox/req-3.json", resultText("req-3", "again"))
	for i := range 2 * requeueBatch {
		put(t, dir, fmt.Sprintf("outbox/stuck/s-%d.json", i), resultText(fmt.Sprint("s-", i), ""))
	}
	out, err := b.do(t, "outbox", "requeue", "--all")
	require.ErrorIs(t, err, fs.ErrExist)
	require.ErrorContains(t, err, `"req-3"`)
	require.Contains(t, out, fmt.Sprint(2*requeueBatch+1, " records requeued"))
	left, err := filepath.Glob(filepath.Join(dir, "outbox", "stuck", "*.json"))
	require.NoError(t, err)
	require.Equal(t, []string{filepath.Join(dir, "outbox", "stuck", "req-3.json")}, left)
}

func TestOutboxExport(t *testing.T) {
	t.Parallel()
	b, dir := stateFolder(t)
	out, err := b.do(t, "outbox", "export")
	require.NoError(t, err)
	lines := decodeLines(t, out)
	require.Len(t, lines, 4)
	require.Equal(t, "G1sySm5vbnNlbnNl", lines[0]["payload_base64"])
	require.Equal(t, "hello\x1b[1m", lines[2]["payload"].(map[string]any)["stdout"])

	file := filepath.Join(t.TempDir(), "all.ndjson")
	told, err := b.do(t, "outbox", "export", "-o", file)
	require.NoError(t, err)
	require.Equal(t, "4 records exported to "+file+"\n", told)
	require.Equal(t, out, text(t, file))
	_, err = b.do(t, "outbox", "export", "-o", file, "--stuck")
	require.ErrorContains(t, err, "--force overwrites it")
	require.Equal(t, out, text(t, file))
	told, err = b.do(t, "outbox", "export", "-o", file, "--stuck", "--force", "--json")
	require.NoError(t, err)
	require.JSONEq(t, `{"exported":2,"gone":0,"to":`+quoted(t, file)+`}`, told)
	require.Len(t, decodeLines(t, text(t, file)), 2)
	_, err = b.do(t, "outbox", "export", "-o", filepath.Dir(file), "--force")
	require.ErrorContains(t, err, "is no regular file; name another")

	to := filepath.Join(t.TempDir(), "copy")
	_, err = b.do(t, "outbox", "export", "--dir", to)
	require.NoError(t, err)
	require.Equal(t, resultText("req-1", "hello\x1b[1m"), text(t, filepath.Join(to, "results", "req-1.json")))
	require.Contains(t, text(t, filepath.Join(to, "results", "stuck", "req-3.reason")), `"kind":"refused"`)
	require.FileExists(t, filepath.Join(to, "results", "stuck", hostile+".json"))
	_, err = b.do(t, "outbox", "export", "--dir", to)
	require.ErrorContains(t, err, "is there already")
	_, err = b.do(t, "outbox", "export", "--dir", to, "--force")
	require.NoError(t, err)

	for _, args := range [][]string{{"-o", filepath.Join(dir, "outbox", "new.json")}, {"--dir", filepath.Join(dir, "outbox", "stuck", "new")}} {
		_, err = b.do(t, append([]string{"outbox", "export"}, args...)...)
		require.ErrorContains(t, err, "is inside the outbox")
		require.NoFileExists(t, args[1])
	}
}

func text(t *testing.T, name string) string {
	t.Helper()
	raw, err := os.ReadFile(name)
	require.NoError(t, err)
	return string(raw)
}

func quoted(t *testing.T, s string) string {
	t.Helper()
	raw, err := json.Marshal(s)
	require.NoError(t, err)
	return string(raw)
}

func TestOutboxFsck(t *testing.T) {
	t.Parallel()
	b, dir := stateFolder(t)
	put(t, dir, "outbox/torn.json", `{"request_id":`)
	out, err := b.do(t, "outbox", "fsck")
	require.Equal(t, ExitFindings, ExitCode(err))
	require.Empty(t, err.Error(), "the answer was printed; there is nothing to add")
	require.NotContains(t, out, "\x1b")
	require.Contains(t, out, "results ("+filepath.Join(dir, "outbox")+"): 5 records, 4 findings\n")
	require.Contains(t, out, "  torn: torn.json\n")
	require.Contains(t, out, "      repair: move it to stuck/")
	require.Contains(t, out, "  stuck: "+strconv.Quote("stuck/"+hostile+".json")+"\n")
	require.Contains(t, out, "events ("+filepath.Join(dir, "events-outbox")+"): 0 records, nothing found\n")
	require.Contains(t, out, "1 of 4 findings can be repaired: kanade-agent outbox fsck --repair, with the agent stopped\n")

	out, err = b.do(t, "outbox", "fsck", "--json", "--box", "results")
	require.Equal(t, ExitFindings, ExitCode(err))
	var answer fsckAnswer
	require.NoError(t, json.Unmarshal([]byte(out), &answer))
	require.Equal(t, []int{4, 1, 0}, []int{answer.Findings, answer.Repairable, answer.Repaired})
	require.Equal(t, 5, answer.Boxes[0].Records)
	last := answer.Boxes[0].Findings[2]
	require.Equal(t, "torn", last.Kind)
	require.Equal(t, "the file is kept as it is", last.Keeps)

	out, err = b.do(t, "outbox", "fsck", "--repair")
	require.Equal(t, ExitFindings, ExitCode(err), "what is stuck is still there")
	require.Contains(t, out, "      repaired: move it to stuck/")
	require.Contains(t, out, "1 finding repaired, 3 left\n")
	require.FileExists(t, filepath.Join(dir, "outbox", "stuck", "torn.json"))

	out, err = b.do(t, "outbox", "fsck", "--box", "events", "--repair")
	require.NoError(t, err)
	require.NotContains(t, out, "finding")
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

func TestStateFolderIsFoundAsRunFindsIt(t *testing.T) {
	t.Parallel()
	file := writeFile(t, "agent.toml", strings.Replace(minimalFile, "[agent]\n", "[agent]\ndata_dir = '/from/file'\ntoken_file = '/not/readable'\n", 1))
	plain := writeFile(t, "agent.toml", minimalFile)
	for name, tc := range map[string]struct {
		env   map[string]string
		flags flagValues
		want  string
		from  string
	}{
		"flag":                  {map[string]string{"KANADE_AGENT_DATA_DIR": "/from/env"}, flagged("data-dir", "/from/flag", "config", file), "/from/flag", "from --data-dir"},
		"variable":              {map[string]string{"KANADE_AGENT_DATA_DIR": "/from/env"}, flagged("config", file), "/from/env", "from KANADE_AGENT_DATA_DIR"},
		"file":                  {nil, flagged("config", file), "/from/file", "from " + file},
		"variable for the file": {map[string]string{configEnv: file}, flagged(), "/from/file", "from " + file},
		"file without":          {nil, flagged("config", plain), "", "the default; " + plain + " names none"},
		"nothing":               {nil, flagged(), "", "the default"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, tc.env)
			if tc.want == "" {
				tc.want = slashed(b.around.dirs.data)
			}
			dir, from, err := b.stateDir(tc.flags)
			require.NoError(t, err)
			require.Equal(t, tc.want, slashed(dir))
			require.Equal(t, tc.from, from)
		})
	}
}

// slashed is a path without its volume, and with slashes.
func slashed(path string) string {
	return filepath.ToSlash(strings.TrimPrefix(path, filepath.VolumeName(path)))
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

func TestVisibleWriter(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"plain é 世\n\t": "plain é 世\n\t", "\x1b[2J\x00\x7f\r": `\u001b[2J\u0000\u007f\u000d`, "a\u202eb\u009b": `a\u202eb\u009b`,
		"\xff": `\ufffd`, "é\xc3": `é\ufffd`, "\U000e0001": `\udb40\udc01`,
	} {
		var out bytes.Buffer
		w := newVisibleWriter(&out)
		for i := range len(in) {
			_, err := w.Write([]byte{in[i]})
			require.NoError(t, err)
		}
		require.NoError(t, w.Close())
		require.Equal(t, want, out.String())
	}
	require.Equal(t, `"\x1b[2J"`, visible("\x1b[2J"))
	require.Equal(t, "plain name", visible("plain name"))
	require.Equal(t, `""`, visible(""))
}

func TestProgressIsForTerminals(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	silent := newProgress(&out, "results")
	silent.at(1, 2)
	silent.end()
	require.Empty(t, out.String())
	p := &progress{out: &out, what: "results"}
	p.at(1, 20000)
	p.at(2, 20000)
	p.end()
	require.Equal(t, "\rresults: 1 of 20000\r"+strings.Repeat(" ", 19)+"\r", out.String())
}

func TestAgesAndSizes(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{-time.Hour: "0s", 59 * time.Second: "59s", time.Minute: "1m", 47 * time.Hour: "47h", 48 * time.Hour: "2d"} {
		require.Equal(t, want, age(d))
	}
	for n, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 64 << 20: "64.0 MiB", 3 << 40: "3.0 TiB"} {
		require.Equal(t, want, size(n))
	}
}
