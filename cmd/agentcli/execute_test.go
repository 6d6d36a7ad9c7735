package agentcli

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A script that asks for JSON gets one object, whatever happens.
func TestAnErrorIsAnObjectToo(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"config", "show", "--json", "--config", "/no/such/file"},
		{"config", "check", "--json", "--config", "/no/such/file"},
		{"outbox", "show", "--json", "--data-dir", "/no/such/folder", "x"},
		{"outbox", "show", "--json", "--no-such-flag"},
		{"status", "--json", "--service-name", "../x"},
		{"start", "--json", "--service-name", "../x"},
	} {
		var stdout, stderr bytes.Buffer
		code := execute(NewCommand(Brand{}), args, &stdout, &stderr)
		require.NotZero(t, code, args)
		var object map[string]any
		require.NoError(t, json.Unmarshal(stdout.Bytes(), &object), "%v: %s", args, stdout.String())
	}
}

func TestWithoutJSONAnErrorIsALine(t *testing.T) {
	t.Parallel()
	var stdout, stderr bytes.Buffer
	require.Equal(t, ExitUsage, execute(NewCommand(Brand{}), []string{"outbox", "--nonsense"}, &stdout, &stderr))
	require.Empty(t, stdout.String())
	require.Equal(t, 1, bytes.Count(stderr.Bytes(), []byte("\n")), stderr.String())
}

// What a verb did before it failed is in the same object as the failure.
func TestFsckThatMustNotRepairAnswersInOneObject(t *testing.T) {
	t.Parallel()
	dir, _, _ := foreground(t)
	var stdout, stderr bytes.Buffer
	require.Eventually(t, func() bool {
		stdout.Reset()
		stderr.Reset()
		code := execute(NewCommand(Brand{}), []string{"outbox", "fsck", "--repair", "--json", "--data-dir", dir}, &stdout, &stderr)
		return code == ExitError && bytes.Contains(stderr.Bytes(), []byte("stop the agent first"))
	}, time.Minute, 20*time.Millisecond, "%s", &stdout)
	var answer fsckAnswer
	decoder := json.NewDecoder(&stdout)
	require.NoError(t, decoder.Decode(&answer))
	require.Equal(t, ExitError, answer.ExitCode)
	require.Contains(t, answer.Error, "stop the agent first")
	require.NotNil(t, answer.Boxes)
	require.ErrorIs(t, decoder.Decode(&answer), io.EOF, "one document")
}

func TestErrorsOnATerminal(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"run", "--config", "/no/such/\x1b[2Jfile"},
		{"--\x1b[2J"},
		{"\x1b[2J"},
		{"outbox", "ls", "--data-dir", "/no/such/\x1b[2Jfolder"},
		{"run", "--nats-url", "nats://h", "--id", "\x1b[2J"},
	} {
		var stdout, stderr bytes.Buffer
		require.NotZero(t, execute(NewCommand(Brand{}), args, &stdout, &stderr))
		require.NotContains(t, stderr.String(), "\x1b")
		require.Contains(t, stderr.String(), "[2J")
		require.Equal(t, 1, bytes.Count(stderr.Bytes(), []byte("\n")), stderr.String())
	}
}

func TestWantsJSON(t *testing.T) {
	t.Parallel()
	for arg, want := range map[string]bool{"--json": true, "--json=true": true, "--json=1": true, "--json=false": false, "--json=": false, "--jsonx": false, "json": false} {
		require.Equal(t, want, wantsJSON([]string{"status", arg}), arg)
	}
}

func TestAListThatBreaksOffSaysSoInALine(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"outbox", "ls", "--json"}, {"outbox", "export", "--json"}} {
		b, _ := stateFolder(t)
		root, stdout, stderr := b.command(), &fullAt{left: 2}, &bytes.Buffer{}
		require.Equal(t, ExitError, execute(root, args, stdout, stderr), args)
		lines := strings.SplitAfter(strings.TrimSpace(stdout.text.String()), "\n")
		last := decodeLines(t, lines[len(lines)-1])[0]
		require.Contains(t, last["error"], errDiskFull.Error())
		require.EqualValues(t, ExitError, last["exit_code"])
		require.Contains(t, stderr.String(), errDiskFull.Error())
	}
}

var errDiskFull = errors.New("the disk was full for a moment")

// fullAt fails one write.
type fullAt struct {
	text bytes.Buffer
	left int // writes until then
}

func (f *fullAt) Write(p []byte) (int, error) {
	if f.left--; f.left == 0 {
		return 0, errDiskFull
	}
	return f.text.Write(p)
}
