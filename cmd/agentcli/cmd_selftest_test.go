package agentcli

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent"
	"github.com/kanade-go/kanade/retry/jstest"
)

func TestSelfTest(t *testing.T) {
	t.Parallel()
	b := jstest.StartBroker(t)
	selfTest := func(args ...string) (agent.SelfTestReport, error) {
		var out bytes.Buffer
		cmd := NewCommand(Brand{Version: "1.4.0"})
		cmd.SetArgs(append([]string{"selftest", "--id", "pc-1", "--nats-url", b.URL(), "--data-dir", t.TempDir()}, args...))
		cmd.SetOut(&out)
		err := cmd.ExecuteContext(t.Context())
		var report agent.SelfTestReport
		if out.Len() > 0 {
			require.NoError(t, json.Unmarshal(out.Bytes(), &report))
		}
		return report, err
	}
	report, err := selfTest()
	require.NoError(t, err)
	require.True(t, report.Connected)
	require.True(t, report.Settings)
	require.Equal(t, "1.4.0", report.Version)
	require.Equal(t, "kanade-agent", report.Name)
	_, err = selfTest("--concurrency", "many")
	require.Error(t, err, "a configuration that this release does not read")
}

func TestWhichReleasesAreTaken(t *testing.T) {
	t.Parallel()
	places := testSurroundings(t, nil).dirs
	self := Brand{SelfUpdate: true}.withDefaults()
	key := keyPair(t)
	keys, broken := filepath.Dir(key), t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(broken, "a.pub"), []byte("x"), 0o600))
	for name, tc := range map[string]struct {
		brand        Brand
		update, keys string
		want         string // "none", "any", "signed", or a part of the error
	}{
		"not ours":       {Brand{}.withDefaults(), "", keys, "none"},
		"off":            {self, "off", keys, "none"},
		"without keys":   {self, "", "", "any"},
		"with keys":      {self, "", keys, "signed"},
		"signed":         {self, "signed", keys, "signed"},
		"any":            {self, "any", keys, "any"},
		"signed, no key": {self, "signed", "", "needs a public key"},
		"no such folder": {self, "", filepath.Join(broken, "none"), "folder of release keys"},
		"broken key":     {self, "", broken, "release key " + filepath.Join(broken, "a.pub")},
	} {
		u, err := updaterOf(updateConfig{Releases: tc.update, Keys: tc.keys}, places, tc.brand)
		switch {
		case err != nil:
			require.ErrorContains(t, err, tc.want, name)
		case u == nil:
			require.Equal(t, "none", tc.want, name)
		case len(u.Keys) > 0 && !u.AllowUnsigned:
			require.Equal(t, "signed", tc.want, name)
		default:
			require.Equal(t, "any", tc.want, name)
		}
	}
}

func TestAReleaseIsTriedWithTheSameFlags(t *testing.T) {
	t.Parallel()
	root := &cobra.Command{Use: "tool"}
	below := NewCommand(Brand{Use: "agent"})
	root.AddCommand(below)
	run, _, err := root.Find([]string{"agent", "run"})
	require.NoError(t, err)
	require.Equal(t, []string{"agent"}, verbsAbove(run))
	require.Equal(t, []string{"agent"}, verbsAbove(below), "without a verb it runs, too")
	alone, _, err := NewCommand(Brand{}).Find([]string{"run"})
	require.NoError(t, err)
	require.Empty(t, verbsAbove(alone))
}

// offEnv makes this test a program whose configuration switches updates off.
const offEnv = "KANADE_TEST_UPDATES_OFF"

func TestAHostThatUpdatesNoMoreKeepsWhatRuns(t *testing.T) {
	t.Parallel()
	if os.Getenv(offEnv) != "" {
		r := &running{tree: tree{brand: Brand{SelfUpdate: true}.withDefaults(), around: testSurroundings(t, nil)}, logs: silentLogs()}
		require.NoError(t, r.countStart())
		opts, err := r.updaterOptions(updateConfig{Releases: updateOff}, nil)
		require.NoError(t, err)
		require.Empty(t, opts)
		return
	}
	self, err := os.Executable()
	require.NoError(t, err)
	data, err := os.ReadFile(self)
	require.NoError(t, err)
	program := filepath.Join(t.TempDir(), "agent.exe")
	syscall.ForkLock.RLock() // what another test starts meanwhile would hold the file for a moment, and a file that is written is not run
	err = os.WriteFile(program, data, 0o700)
	syscall.ForkLock.RUnlock()
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(filepath.Dir(program), "agent.update.json"), fmt.Appendf(nil,
		`{"format":1,"plan":{"phase":"probation","from":"1","to":"2","from_sha256":"aa","to_sha256":"%x","starts":2}}`, sha256.Sum256(data)), 0o600))
	child := exec.CommandContext(t.Context(), program, "-test.run=^TestAHostThatUpdatesNoMoreKeepsWhatRuns$")
	child.Env = append(os.Environ(), offEnv+"=1")
	said, err := child.CombinedOutput()
	require.NoError(t, err, string(said))
	u, err := agent.ReadUpdates(program)
	require.NoError(t, err)
	require.Equal(t, "probation", u.Phase)
	require.Equal(t, 2, u.Starts, "the start counts for nothing")
}
