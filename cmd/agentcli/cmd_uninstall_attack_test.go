package agentcli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kardianos/service"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent"
)

// A folder that others use, too: what is not the agent's stays, whatever it is.
func TestPurgeOfASharedStateFolder(t *testing.T) {
	t.Parallel()
	b, _, _ := ran(t)
	data := b.around.dirs.data
	database := filepath.Join(data, "server", "main.db")
	require.NoError(t, os.MkdirAll(filepath.Dir(database), 0o700))
	for _, path := range []string{database, filepath.Join(data, "notes"), filepath.Join(data, "outbox.tmp.bak")} {
		require.NoError(t, os.WriteFile(path, nil, 0o600))
	}
	out, err := b.do(t, "uninstall", "--purge")
	require.NoError(t, err)
	require.ElementsMatch(t, []string{"server", "notes", "outbox.tmp.bak"}, names(t, data))
	require.FileExists(t, database)
	require.Contains(t, out, "WARNING: "+data+" stays: ")
}

// A purge that was cut is taken up, as long as one mark is left.
func TestPurgeTakesUpOneThatWasCut(t *testing.T) {
	t.Parallel()
	b, _, _ := ran(t)
	for _, name := range []string{"lock", "ledger", "outbox"} {
		require.NoError(t, os.RemoveAll(filepath.Join(b.around.dirs.data, name)))
	}
	_, err := b.do(t, "uninstall", "--purge")
	require.ErrorIs(t, err, errNoStateFolder, "others may have made what is there")
	for _, name := range names(t, b.around.dirs.data) {
		if name != "FORMAT" {
			require.NoError(t, os.RemoveAll(filepath.Join(b.around.dirs.data, name)))
		}
	}
	_, err = b.do(t, "uninstall", "--purge")
	require.NoError(t, err)
	require.NoDirExists(t, b.around.dirs.data)
}

// A configuration that names a folder where a file should be does not get it removed.
func TestPurgeRemovesNoFolderInPlaceOfAFile(t *testing.T) {
	t.Parallel()
	b, config, _ := ran(t)
	secrets := filepath.Join(filepath.Dir(config), "secrets")
	require.NoError(t, os.Mkdir(secrets, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(secrets, "of-others"), nil, 0o600))
	text := content(t, filepath.Dir(config), "agent.toml")
	text = strings.Replace(text, filepath.Join(filepath.Dir(config), "token"), secrets, 1)
	require.NoError(t, os.WriteFile(config, []byte(text), 0o600))
	out, err := b.do(t, "uninstall", "--purge")
	require.NoError(t, err)
	require.FileExists(t, filepath.Join(secrets, "of-others"))
	require.Contains(t, out, secrets+" stays: it is a folder")
}

// Beside a program that no update was ever made for, agent.old is somebody's own.
func TestPurgeBesideAProgramThatWasNeverUpdated(t *testing.T) {
	t.Parallel()
	b, _, program := ran(t)
	require.NoError(t, os.Remove(program+".update.json"))
	_, err := b.do(t, "uninstall", "--purge")
	require.NoError(t, err)
	require.ElementsMatch(t, []string{"agent", "agent.new", "agent.old", "agent.last-good"}, names(t, filepath.Dir(program)))
}

func TestPurgeRemovesWhatACutUpdateLeft(t *testing.T) {
	t.Parallel()
	b, _, program := ran(t)
	require.NoError(t, os.WriteFile(program+".last-good.tmp", nil, 0o600))
	_, err := b.do(t, "uninstall", "--purge")
	require.NoError(t, err)
	require.Equal(t, []string{"agent"}, names(t, filepath.Dir(program)))
}

// Paths that depend on where a program starts mean something else to the service: here
// they would lead an administrator into the folder that he happens to be in.
func TestRelativePathsAreRefused(t *testing.T) {
	home := t.TempDir()
	t.Chdir(home)
	relative := strings.Replace(minimalFile, "[log]", "data_dir = 'data'\n[log]", 1)
	require.NoError(t, os.WriteFile("agent.toml", []byte(relative), 0o600))
	require.NoError(t, os.MkdirAll("data/outbox", 0o700))
	for _, mark := range stateMarks {
		require.NoError(t, os.WriteFile(filepath.Join("data", mark), []byte(`{"format":1}`), 0o600))
	}

	b := newBench(t, nil)
	b.registry.line = []string{"/usr/bin/agent", "run", "--config", filepath.Join(home, "agent.toml")}
	_, err := b.do(t, "uninstall", "--purge")
	require.ErrorContains(t, err, `says agent.data_dir = "data", which depends on the folder that a program starts in`)
	b.registry.line = []string{"/usr/bin/agent", "run", "--config", "agent.toml"}
	_, err = b.do(t, "uninstall", "--purge")
	require.ErrorContains(t, err, "the service reads agent.toml, which depends on the folder")
	require.Zero(t, b.registry.removed)
	require.DirExists(t, "data/outbox")
	require.FileExists(t, "agent.toml")

	b = installBench(t, nil)
	_, err = b.do(t, "install", "--config", "agent.toml")
	require.ErrorContains(t, err, "give the whole path, such as "+filepath.Join(home, "data"))
	require.Empty(t, b.registry.entered)

	// A path on the command line is one from here: files beside it are found.
	require.NoError(t, os.WriteFile("agent.toml", []byte(strings.Replace(minimalFile, "[log]", "data_dir = '"+filepath.Join(home, "data")+"'\ntoken_file = '"+filepath.Join(home, "token")+"'\n[log]", 1)), 0o600))
	require.NoError(t, os.WriteFile("token", nil, 0o600))
	b = newBench(t, nil)
	_, err = b.do(t, "uninstall", "--purge", "--config", "agent.toml")
	require.NoError(t, err)
	for _, path := range []string{"data", "token", "agent.toml"} {
		_, err := os.Lstat(filepath.Join(home, path))
		require.ErrorIs(t, err, os.ErrNotExist, path)
	}
}

// An agent that hangs, or whose status is damaged, has its folder all the same.
func TestPurgeTakesNothingFromAnAgentThatHangs(t *testing.T) {
	t.Parallel()
	dir, _, _ := foreground(t)
	require.Eventually(t, func() bool { _, err := agent.ReadStatus(dir); return err == nil }, time.Minute, 20*time.Millisecond)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "keep"), nil, 0o600))
	p := purge{stateDir: dir, patience: 1}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "status.json"), []byte("damaged"), 0o600))
	require.Error(t, p.do())
	require.FileExists(t, filepath.Join(dir, "lock"))
	require.FileExists(t, filepath.Join(dir, "FORMAT"))
	require.Empty(t, p.removed)
}

// What has the name of a service and is none of ours: nothing of it is taken for ours.
func TestPurgeOfAServiceOfOthers(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.service.status = service.StatusStopped
	dir := t.TempDir()
	shell := filepath.Join(dir, "sh")
	for _, name := range []string{"sh", "sh.old", "sh.new"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), nil, 0o755))
	}
	b.registry.line = []string{shell, "-c", "exec daemon"}
	_, err := b.do(t, "uninstall", "--purge")
	require.NoError(t, err)
	require.Len(t, names(t, dir), 3)
}

// Who has removed the configuration by hand wants the rest to be gone too, as far as
// its usual places say where it is.
func TestPurgeWithoutTheConfiguration(t *testing.T) {
	t.Parallel()
	b, config, program := ran(t)
	b.registry.line = []string{program, "run", "--config", config}
	require.NoError(t, os.Remove(config))
	out, err := b.do(t, "uninstall", "--purge")
	require.NoError(t, err)
	require.NoDirExists(t, b.around.dirs.data)
	require.NoDirExists(t, b.around.dirs.logs)
	require.NoDirExists(t, filepath.Join(b.around.dirs.config, releaseKeysFolder))
	require.Equal(t, []string{"token"}, names(t, b.around.dirs.config), "only the configuration says whose it is")
	require.Contains(t, out, b.around.dirs.config+" stays: token and what else is in it is not the agent's")

	require.NoError(t, os.Remove(filepath.Join(b.around.dirs.config, "token")))
	_, err = b.do(t, "uninstall", "--purge")
	require.NoError(t, err)
	require.NoDirExists(t, b.around.dirs.config)
}
