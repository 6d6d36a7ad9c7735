//go:build unix && !darwin

package agentcli

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/kardianos/service"
	"github.com/stretchr/testify/require"
)

// scriptWriter is the service library's part of a manager that starts a script.
type scriptWriter struct {
	path, text string
	fails      error
}

func (w scriptWriter) Install() error {
	if w.fails != nil {
		return w.fails
	}
	return os.WriteFile(w.path, []byte(w.text), 0o755)
}

func (w scriptWriter) Uninstall() error { return os.Remove(w.path) }

func TestScripts(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "kanade-agent")
	w := scriptWriter{path: path, text: "#!/bin/sh\ncmd=\"/usr/bin/kanade-agent \"run\" \"--config\" \"/etc/kanade/agent.toml\"\"\n"}
	r := scriptRegistry{service: w, path: path}
	_, err := r.CommandLine(t.Context())
	require.ErrorIs(t, err, service.ErrNotInstalled)
	for _, want := range [][]change{{major("%s written", path)}, nil} {
		changed, err := r.Register(t.Context(), defined("/etc/kanade/agent.toml"))
		require.NoError(t, err)
		require.Equal(t, want, changed)
	}
	line, err := r.CommandLine(t.Context())
	require.NoError(t, err)
	require.Equal(t, "/etc/kanade/agent.toml", configOf(line))
	w.fails = errors.New("no space")
	r.service = w
	_, err = r.Register(t.Context(), defined("/etc/kanade/agent.toml"))
	require.ErrorContains(t, err, "no space")
	require.FileExists(t, path, "the one before is there again")
}

// The script is run by root's shell: no path is more than a path there.
func TestScriptsHoldNoCommandsOfOthers(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "kanade-agent")
	r := scriptRegistry{service: scriptWriter{path: path}, path: path}
	for _, config := range []string{"/etc/$(id)/c", "/etc/`id`/c", "/etc/a b", `/etc/"c`, "/etc/'c", `/etc/\c`, "/etc/a;id", "/etc/a&id", "/etc/a|id", "/etc/$HOME", "/etc/*", "/etc/#"} {
		_, err := r.Register(t.Context(), defined(config))
		require.ErrorContains(t, err, "cannot hold", config)
		d := defined("/c")
		d.Program = config
		_, err = r.Register(t.Context(), d)
		require.ErrorContains(t, err, "cannot hold", config)
		require.NoFileExists(t, path)
	}
	d := defined("/c")
	d.Description = "x\"; id; \""
	_, err := r.Register(t.Context(), d)
	require.ErrorContains(t, err, "cannot hold")
}
