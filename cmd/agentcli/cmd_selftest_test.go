package agentcli

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
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
