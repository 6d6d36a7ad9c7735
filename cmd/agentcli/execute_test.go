package agentcli

import (
	"bytes"
	"encoding/json"
	"testing"

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
