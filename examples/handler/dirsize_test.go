package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent"
	"github.com/kanade-go/kanade/agent/agenttest"
	"github.com/kanade-go/kanade/agent/wire"
)

func startAgent(t *testing.T) *agenttest.Harness {
	t.Helper()
	return agenttest.Start(t, agent.WithHandler("dir-size", agent.HandlerFunc(dirSize), agent.RunAgain))
}

// folder holds two files with 8 bytes together.
func folder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "sub"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a"), []byte("12345"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "sub", "b"), []byte("678"), 0o600))
	return dir
}

func script(t *testing.T, q request) string {
	t.Helper()
	text, err := json.Marshal(q)
	require.NoError(t, err)
	return string(text)
}

func TestDirSizeReports(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	h := startAgent(t)
	for _, limit := range []int64{0, 8} {
		r := h.Send(wire.Command{Shell: "dir-size", Script: script(t, request{Path: dir, MaxBytes: limit})})
		require.Zero(t, r.ExitCode, r.Stderr)
		var got report
		require.NoError(t, json.Unmarshal([]byte(r.Stdout), &got))
		require.Equal(t, report{Path: dir, Files: 2, Bytes: 8}, got)
	}
}

func TestDirSizeAboveTheLimitHasItsOwnExitCode(t *testing.T) {
	t.Parallel()
	r := startAgent(t).Send(wire.Command{
		Shell: "dir-size", Script: script(t, request{Path: folder(t), MaxBytes: 7}),
	})
	require.EqualValues(t, exitTooLarge, r.ExitCode)
	require.Contains(t, r.Stdout, `"bytes":8`)
	require.Equal(t, "dir-size: 8 bytes, more than 7\n", r.Stderr)
}

func TestDirSizeRefusesBadRequests(t *testing.T) {
	t.Parallel()
	h := startAgent(t)
	for text, want := range map[string]string{
		"":                    "read request",
		"/tmp":                "read request",
		`{"folder":"/tmp"}`:   "unknown field",
		`{"path":"relative"}`: "not absolute",
		script(t, request{Path: filepath.Join(t.TempDir(), "absent")}): "absent",
	} {
		r := h.Send(wire.Command{Shell: "dir-size", Script: text})
		require.EqualValues(t, 1, r.ExitCode, text)
		require.Contains(t, r.Stderr, want)
		require.Empty(t, r.Stdout)
	}
}

func TestMeasureEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := measure(ctx, folder(t))
	require.ErrorIs(t, err, context.Canceled)
}
