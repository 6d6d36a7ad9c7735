package agentcli

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kardianos/service"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent"
)

// fill makes files, and folders of the names that end with a slash.
func fill(t *testing.T, dir string, entries ...string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(dir, 0o755))
	for _, name := range entries {
		name, text, _ := strings.Cut(name, "=")
		path := filepath.Join(dir, name)
		if strings.HasSuffix(name, "/") {
			require.NoError(t, os.MkdirAll(path, 0o755))
			continue
		}
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	}
}

func TestDataFoldersThatAreTaken(t *testing.T) {
	t.Parallel()
	reference := []string{"outbox/", "events-outbox/", "obs-outbox/", "script_cache/", "staging/", "local_completions.json={}", "last_swap.json={}"}
	cases := map[string][]string{
		"empty":                       {},
		"a disk of its own":           {"lost+found/"},
		"the reference":               reference,
		"the reference, and others":   append([]string{"backend.db", "readme"}, reference...),
		"the later reference":         {"admission/", ".boot-sentinel-agent.json", ".boot-quarantine-agent.json", "outbox/stuck/", "notes"},
		"nothing but its sentinel":    {".boot-sentinel-agent.json", "staging/"},
		"ours":                        {"lock", `FORMAT={"format":1}`, "ledger/", "settings/", "notes"},
		"ours, power cut":             {"lock", "FORMAT", "ledger/"},
		"ours, killed at once":        {"lock", "FORMAT.tmp"},
		"its configuration and log":   {"agent.toml", "log/", "agent.2026-01-30.log", "token"},
		"an older one, with a status": {"status.json", "lock"},
	}
	for _, name := range slices.Concat(stateNames, stateMarks) {
		cases["purge removes "+name] = []string{name, name + ".tmp"}
	}
	for name, entries := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			fill(t, dir, entries...)
			require.NoError(t, allIn(dir).checkDataDir(filepath.Join(t.TempDir(), "usual")))
		})
	}
}

// allIn is a configuration that has everything in its data folder.
func allIn(dir string) loaded {
	return loaded{
		config: hostConfig{Config: agent.Config{StateDir: dir, TokenFile: filepath.Join(dir, "token"), LogFile: filepath.Join(dir, "agent.log")}},
		files:  []string{filepath.Join(dir, "agent.toml"), filepath.Join(dir, "log", "more.toml")},
	}
}

func TestFoldersOfOthersAreRefused(t *testing.T) {
	t.Parallel()
	for name, entries := range map[string][]string{
		"etc":                {"passwd", "hostname", "ssh/", "cron.d/", "fstab"},
		"home":               {".bashrc"},
		"a lock of its own":  {"lock", "work.doc"},
		"a format of others": {"FORMAT=mp3", "lock", "song.mp3"},
		"names like ours":    {"ledger/", "settings/", "schedule/", "staging/", "2026.xls"},
		"a hostile name":     {hostile},
		"log of another":     {"agents.2026-01-30.log"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			fill(t, dir, entries...)
			require.NoError(t, os.Chmod(dir, 0o755))
			before, err := os.Stat(dir)
			require.NoError(t, err)
			b := newBench(t, map[string]string{"KANADE_AGENT_DATA_DIR": dir})
			for _, verb := range []string{"run", "selftest"} {
				out, err := b.do(t, verb, "--nats-url", "nats://h", "--id", "x", "--log-file", filepath.Join(dir, "agent.log"))
				require.ErrorIs(t, err, errForeignFolder, verb)
				require.ErrorContains(t, err, "data folder "+visible(dir)+" (from variable KANADE_AGENT_DATA_DIR) is not empty")
				require.NotContains(t, err.Error(), "\x1b")
				require.Equal(t, ExitError, ExitCode(err))
				require.Empty(t, out)
			}
			require.Empty(t, b.started)
			out, err := b.do(t, "config", "check", "--nats-url", "nats://h", "--id", "x")
			require.Equal(t, ExitError, ExitCode(err))
			require.Contains(t, out, errForeignFolder.Error())
			require.ElementsMatch(t, topmost(entries), names(t, dir), "nothing was made")
			after, err := os.Stat(dir)
			require.NoError(t, err)
			require.Equal(t, before.Mode(), after.Mode())
		})
	}
}

func topmost(entries []string) (names []string) {
	for _, name := range entries {
		name, _, _ = strings.Cut(name, "=")
		names = append(names, strings.TrimSuffix(name, "/"))
	}
	return names
}

// The backend of a fleet keeps its files in the usual folder too.
func TestTheUsualDataFolderIsNeverRefused(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	fill(t, b.around.dirs.data, "backend.db")
	_, err := b.do(t, "run", "--nats-url", "nats://h", "--id", "x")
	require.NoError(t, err)
	require.Len(t, b.started, 1)
}

func TestTheFileThatNamesAForeignFolderIsNamed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	fill(t, dir, "a", "b", "c", "d", strings.Repeat("n", 200))
	path := writeFile(t, "agent.toml", "[agent]\nid = 'x'\nnats_url = 'nats://h'\ndata_dir = '"+filepath.ToSlash(dir)+"'\n[log]\npath = '/x/a.log'\nlevel = 'info'\n")
	out, err := newBench(t, nil).do(t, "config", "check", "--config", path)
	require.Equal(t, ExitError, ExitCode(err))
	require.Contains(t, out, path+":4:")
	require.Contains(t, out, "…")
	require.NotContains(t, out, strings.Repeat("n", mostQuoted))
	elsewhere := t.TempDir()
	fill(t, elsewhere, "a")
	out, err = newBench(t, nil).do(t, "config", "check", "--config", path, "--data-dir", elsewhere)
	require.Equal(t, ExitError, ExitCode(err))
	require.Contains(t, out, "error: data folder "+visible(elsewhere)+" (from flag --data-dir)")
	require.NotContains(t, out, path+": error", "the file has no part in it")
}

func TestInstallTakesNoFolderOfOthers(t *testing.T) {
	t.Parallel()
	for name, named := range map[string]func(t *testing.T, dir string) (args []string, from string){
		"by a flag": func(_ *testing.T, dir string) ([]string, string) {
			return []string{"--nats-url", "nats://h", "--data-dir", dir}, "flag --data-dir"
		},
		"by its file": func(t *testing.T, dir string) ([]string, string) {
			path := writeFile(t, "agent.toml", strings.Replace(minimalFile, "[agent]\n", "[agent]\ndata_dir = "+tomlString(dir)+"\n", 1))
			return []string{"--config", path}, path
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			entries := []string{"passwd", "hostname", "ssh/", "fstab"}
			fill(t, dir, entries...)
			require.NoError(t, os.Chmod(dir, 0o755))
			before, err := os.Stat(dir)
			require.NoError(t, err)
			args, from := named(t, dir)
			b := installBench(t, nil)
			out, err := b.do(t, append([]string{"install"}, args...)...)
			require.ErrorIs(t, err, errForeignFolder)
			require.ErrorContains(t, err, "data folder "+visible(dir)+" (from "+from)
			require.Empty(t, out, "nothing was done")
			require.Empty(t, b.registry.entered)
			require.NoDirExists(t, b.around.dirs.config)
			require.ElementsMatch(t, topmost(entries), names(t, dir))
			after, err := os.Stat(dir)
			require.NoError(t, err)
			require.Equal(t, before.Mode(), after.Mode())
		})
	}
}

func TestInstallGoesOnInAFolderOfAnAgent(t *testing.T) {
	t.Parallel()
	for name, entries := range map[string][]string{
		"the reference's":       {"outbox/", "script_cache/", "backend.db", "notes"},
		"ours":                  {"lock", `FORMAT={"format":1}`, "ledger/", "notes"},
		"nothing but a program": {},
		"of an install, killed": {".agent.toml.77.tmp/"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			fill(t, dir, append([]string{"bin/agentd"}, entries...)...)
			program := filepath.Join(dir, "bin", "agentd")
			b := installBench(t, nil)
			for _, done := range []string{"installed", "unchanged"} {
				out, err := b.do(t, "install", "--nats-url", "nats://h", "--data-dir", dir, "--program", program, "--json")
				require.NoError(t, err)
				require.Equal(t, done, reported(t, out).Done)
				b.thenInstalled(service.StatusRunning)
			}
		})
	}
}
