package statedir

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// fill makes files, and folders of the names that end with a slash.
func fill(t *testing.T, dir string, entries ...string) {
	t.Helper()
	for _, entry := range entries {
		name, text, _ := strings.Cut(entry, "=")
		path := filepath.Join(dir, filepath.FromSlash(name))
		if strings.HasSuffix(name, "/") {
			require.NoError(t, os.MkdirAll(path, 0o755))
			continue
		}
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	}
}

// What hosts of a fleet have, whole and in parts: a false refusal would keep an agent
// from a host that needs it.
func TestFoldersOfAgents(t *testing.T) {
	t.Parallel()
	reference := []string{"outbox/", "events-outbox/", "obs-outbox/", "script_cache/", "staging/", "local_completions.json={}", "last_swap.json={}"}
	admins := []string{"backend.db", "readme.txt", "old/", ".bash_history", "outbox.2025/", "outbox-backup.zip", "agent.toml.bak", "agent.2026-01-30.log"}
	cases := map[string][]string{
		"empty":                      {},
		"a disk of its own":          {"lost+found/", ".Trashes/", "aquota.user", ".nfs0000001"},
		"a folder kept in an image":  {".gitkeep"},
		"the reference":              reference,
		"the reference, and others":  append(admins, reference...),
		"its first second":           {"outbox/", "agent.toml"},
		"it has sent all":            {"outbox/", "events-outbox/"},
		"its records and left-overs": {"outbox/6d0c1f0e.json={}", "outbox/6d0c1f0e.json.tmp={", "staging/kanade-agent.0.44.0.staged", "last_swap.json.tmp"},
		"it cannot reach its disk":   {"agent.toml", "logs/agent.2026-01-30.log", "log/", "staging/"},
		"its later releases":         {"admission/", ".boot-sentinel-agent.json", ".boot-quarantine-agent.json", "outbox/stuck/", "notes"},
		"nothing but its sentinel":   {".boot-sentinel-agent.json", "staging/"},
		"ours":                       {"lock", `FORMAT={"format":1,"oldest_reader":1}`, "ledger/", "settings/", "notes"},
		"ours, of a newer release":   {"lock", `FORMAT={"format":9,"oldest_reader":9,"more":1}`, "vault/"},
		"ours, power cut":            {"lock", "FORMAT", "ledger/"},
		"ours, killed at once":       {"lock", "FORMAT.tmp"},
		"ours, its install killed":   {".agent.toml.1234.tmp/"},
		"ours, its format removed":   append([]string{"lock", "ledger/", "outbox/"}, admins...),
		"its configuration and log":  {"site.toml", "var/", "app.2026-01-30.log", "app.log", "token"},
	}
	for _, mark := range marks {
		cases[mark+" alone"] = append([]string{mark}, admins...)
	}
	for _, name := range reference {
		cases["nothing but "+name] = []string{name}
	}
	for _, name := range names {
		cases["a name: "+name] = []string{name}
	}
	for name, entries := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			fill(t, dir, entries...)
			own := []string{"site.toml", "token", "app.log", filepath.Join("var", "run", "agent.sock")}
			for i := range own {
				own[i] = filepath.Join(dir, own[i])
			}
			require.Empty(t, Foreign(dir, own...))
		})
	}
	file := filepath.Join(t.TempDir(), "file")
	require.Empty(t, Foreign(file), "it is made")
	fill(t, filepath.Dir(file), "file=x")
	require.Empty(t, Foreign(file), "Open says what it is")
}

func TestFoldersOfOthers(t *testing.T) {
	t.Parallel()
	for name, entries := range map[string][]string{
		"etc":                {"passwd", "hostname", "ssh/", "cron.d/", "fstab"},
		"home":               {".bashrc"},
		"a checkout":         {".git/", "go.mod", "agent/"},
		"a lock of its own":  {"lock", "work.doc"},
		"a format of others": {"FORMAT=mp3", "lock", "song.mp3"},
		"a format, a folder": {"FORMAT/", "song.mp3"},
		"names like ours":    {"ledger/", "settings/", "schedule/", "staging/", "2026.xls"},
		"a longer name":      {"outboxes/", "ledger.db"},
		"the log of another": {"apps.2026-01-30.log"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			fill(t, dir, entries...)
			found := Foreign(dir, filepath.Join(dir, "app.log"))
			require.NotEmpty(t, found)
			require.LessOrEqual(t, len(found), mostForeign+1)
		})
	}
}

func TestAFolderWithManyFilesIsNotListedWhole(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for i := range 100 {
		fill(t, dir, fmt.Sprintf("file-%d", i))
	}
	found := Foreign(dir)
	require.Len(t, found, mostForeign+1)
	require.Equal(t, "…", found[mostForeign])
}
