//go:build unix

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// world is a root for the scripts of a package.
type world struct {
	t    *testing.T
	root string
}

// newWorld has a systemctl whose answer is its exit code, and tells what it was asked.
func newWorld(t *testing.T, systemctl string) world {
	t.Helper()
	w := world{t, t.TempDir()}
	w.write("run/systemd/system/.keep", "")
	w.write("bin/systemctl", "#!/bin/sh\necho \"$*\" >>"+w.root+"/asked\nexit "+systemctl+"\n")
	require.NoError(t, os.Chmod(w.path("bin/systemctl"), 0o755))
	return w
}

func (w world) path(name string) string { return filepath.Join(w.root, name) }

func (w world) write(name, text string) {
	w.t.Helper()
	require.NoError(w.t, os.MkdirAll(filepath.Dir(w.path(name)), 0o755))
	syscall.ForkLock.RLock() // what another test starts meanwhile would hold the file for a moment, and a file that is written is not run
	err := os.WriteFile(w.path(name), []byte(text), 0o644)
	syscall.ForkLock.RUnlock()
	require.NoError(w.t, err)
}

var rooted = regexp.MustCompile(`/(?:opt|etc|run|var|proc|usr/sbin)/`)

// run runs a script of the package, as it would be in this root.
func (w world) run(name string, args ...string) (said string, err error) {
	w.t.Helper()
	text := ""
	for _, part := range []string{"common", name} {
		data, err := os.ReadFile("../linux/scripts/" + part + ".sh")
		require.NoError(w.t, err)
		text += string(data)
	}
	text = rooted.ReplaceAllStringFunc(text, func(s string) string { return w.root + s })
	cmd := exec.CommandContext(w.t.Context(), "/bin/sh", append([]string{"-c", text, name}, args...)...)
	cmd.Env = []string{"PATH=" + w.path("bin") + ":/usr/bin:/bin", "LC_ALL=C"}
	out, err := cmd.CombinedOutput()
	return strings.ReplaceAll(string(out), w.root, ""), err
}

// files are all that are there, below these folders.
func (w world) files(folders ...string) (all []string) {
	w.t.Helper()
	for _, folder := range folders {
		_ = filepath.WalkDir(w.path(folder), func(path string, d os.DirEntry, err error) error {
			if err == nil && (!d.IsDir() || path == w.path(folder)) {
				all = append(all, strings.TrimPrefix(path, w.root+"/"))
			}
			return nil
		})
	}
	sort.Strings(all)
	return all
}

// A service that does not start, or a systemd that does not answer, leaves no package
// half installed and keeps none from being removed.
func TestScriptsWithASystemdThatRefuses(t *testing.T) {
	t.Parallel()
	for _, call := range [][]string{
		{"postinst", "configure"},
		{"postinst", "configure", "1.0.0"},
		{"postinst", "1"},
		{"postinst", "2"},
		{"prerm", "remove"},
		{"prerm", "0"},
		{"postrm", "remove"},
		{"postrm", "0"},
		{"postrm", "purge"},
	} {
		w := newWorld(t, "1")
		w.write("etc/kanade/agent.toml", "")
		said, err := w.run(call[0], call[1:]...)
		require.NoError(t, err, "%v: %s", call, said)
		if call[1] != "purge" {
			require.Contains(t, said, "kanade-agent: ", "%v: it is told", call)
			require.FileExists(t, w.path("asked"))
		}
	}
}

func TestScriptsWithoutSystemd(t *testing.T) {
	t.Parallel()
	for _, call := range [][]string{{"preinst", "install"}, {"postinst", "configure"}, {"postinst", "1"}, {"prerm", "remove"}, {"postrm", "remove"}, {"postrm", "purge"}} {
		w := newWorld(t, "1")
		require.NoError(t, os.RemoveAll(w.path("run/systemd")))
		require.NoError(t, os.Remove(w.path("bin/systemctl")))
		w.write("etc/kanade/agent.toml", "")
		said, err := w.run(call[0], call[1:]...)
		require.NoError(t, err, "%v: %s", call, said)
	}
}

// planted is a host with an agent's files and, where they are shared, those of others.
func planted(t *testing.T) (w world, ours, others []string) {
	t.Helper()
	w = newWorld(t, "0")
	ours = []string{
		"var/lib/kanade/FORMAT", "var/lib/kanade/lock", "var/lib/kanade/outbox/1", "var/lib/kanade/ledger/x.journal", "var/lib/kanade/settings/s.json",
		"var/lib/kanade/inventory.json", "var/lib/kanade/status.json.tmp", "var/log/kanade/agent.2026-01-31.log", "var/log/kanade/agent.2026-01-31.1.log",
		"etc/kanade/agent.toml", "etc/kanade/release-keys/fleet.pub", "opt/kanade-agent/bin/kanade-agent.update.json", "opt/kanade-agent/bin/kanade-agent.last-good",
	}
	others = []string{
		"etc/kanade/release-keys/fleet.key", "etc/kanade/server.toml", "etc/kanade/token", "var/lib/kanade/server/main.db", "var/lib/kanade/user-data",
		"var/log/kanade/agent.notes.log", "var/log/kanade/server.log",
	}
	for _, file := range ours {
		w.write(file, "")
	}
	return w, ours, others
}

// Folders are shared with other software of the fleet: a purge takes what is the agent's.
func TestPurgeOfThePackage(t *testing.T) {
	t.Parallel()
	w, _, others := planted(t)
	for _, file := range others {
		w.write(file, "")
	}
	for range 2 { // a second purge has nothing to do
		said, err := w.run("postrm", "purge")
		require.NoError(t, err, said)
		for _, folder := range []string{"/var/lib/kanade", "/var/log/kanade", "/etc/kanade/release-keys", "/etc/kanade"} {
			require.Contains(t, said, "kanade-agent: "+folder+" stays: what is in it is not the agent's\n")
		}
		left := append([]string{"etc/kanade", "var/lib/kanade", "var/log/kanade"}, others...)
		sort.Strings(left)
		require.Equal(t, left, w.files("etc/kanade", "var/lib/kanade", "var/log/kanade", "opt/kanade-agent"))
	}
}

func TestPurgeOfThePackageLeavesNothingOfOurs(t *testing.T) {
	t.Parallel()
	w, _, _ := planted(t)
	said, err := w.run("postrm", "purge")
	require.NoError(t, err)
	require.Empty(t, said)
	require.Empty(t, w.files("etc/kanade", "var/lib/kanade", "var/log/kanade", "opt/kanade-agent"))
}

// A removal keeps the agent's data.
func TestRemovalOfThePackageKeepsData(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"remove", "0"} {
		w, ours, _ := planted(t)
		_, err := w.run("postrm", how)
		require.NoError(t, err)
		for _, file := range ours {
			if !strings.HasPrefix(file, "opt/") {
				require.FileExists(t, w.path(file), how)
			}
		}
	}
}

// What only has the name is no state folder.
func TestPurgeOfAFolderThatIsNoAgents(t *testing.T) {
	t.Parallel()
	w, _, _ := planted(t)
	require.NoError(t, os.Remove(w.path("var/lib/kanade/FORMAT")))
	said, err := w.run("postrm", "purge")
	require.NoError(t, err)
	require.Contains(t, said, "/var/lib/kanade stays")
	require.FileExists(t, w.path("var/lib/kanade/outbox/1"))
}

func TestPurgeOfThePackageFollowsNoLinks(t *testing.T) {
	t.Parallel()
	w, _, _ := planted(t)
	w.write("precious/kept", "")
	for _, at := range []string{"var/lib/kanade/script_cache", "var/lib/kanade/settings/x", "etc/kanade/release-keys/x.pub"} {
		require.NoError(t, os.Symlink(w.path("precious"), w.path(at)))
	}
	_, err := w.run("postrm", "purge")
	require.NoError(t, err)
	require.FileExists(t, w.path("precious/kept"))
	require.Empty(t, w.files("etc/kanade", "var/lib/kanade"))
}

func TestPurgeSaysWhatIsElsewhere(t *testing.T) {
	t.Parallel()
	w, _, _ := planted(t)
	w.write("etc/kanade/agent.toml", "[agent]\ndata_dir = '/srv/ka nade'\n[log]\n  path=\"/srv/log/a.log\" # here\n")
	said, err := w.run("postrm", "purge")
	require.NoError(t, err)
	require.Equal(t, "kanade-agent: '/srv/ka nade', named in /etc/kanade/agent.toml, stays\nkanade-agent: \"/srv/log/a.log\" # here, named in /etc/kanade/agent.toml, stays\n", said)
}

// A stopped unpack must not make the next upgrade a first installation.
func TestAnInstallationThatIsTakenBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "0")
	_, err := w.run("preinst", "install")
	require.NoError(t, err)
	require.FileExists(t, w.path("run/kanade-agent.installed"))
	_, err = w.run("postrm", "abort-install")
	require.NoError(t, err)
	require.NoFileExists(t, w.path("run/kanade-agent.installed"))
	_, err = w.run("postinst", "configure", "1.0.0")
	require.NoError(t, err)
	asked, err := os.ReadFile(w.path("asked"))
	require.NoError(t, err)
	require.Contains(t, string(asked), "try-restart kanade-agent.service")
	require.NotContains(t, string(asked), "enable")
}

// The lists of what agents make, here and in uninstall --purge, are the same.
func TestBothPurgesKnowTheSameNames(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("../../cmd/agentcli/cmd_uninstall_state.go")
	require.NoError(t, err)
	script, err := os.ReadFile("../linux/scripts/postrm.sh")
	require.NoError(t, err)
	_, list, found := strings.Cut(string(source), "var stateNames = []string{")
	require.True(t, found)
	list, _, _ = strings.Cut(list, "\n}")
	for _, quoted := range regexp.MustCompile(`"[^"]+"`).FindAllString(list, -1) {
		require.Regexp(t, `[ \t]`+regexp.QuoteMeta(strings.Trim(quoted, `"`))+`[ ;]`, string(script))
	}
}
