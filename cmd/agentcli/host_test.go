package agentcli

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/wire"
)

func TestHostScope(t *testing.T) {
	t.Parallel()
	r, err := expand("{{ system.os }}/{{ system.arch }}/{{ system.host }}/{{ system.user }}/{{ system.cwd }}", hostScope(os.LookupEnv))
	require.NoError(t, err)
	host, err := os.Hostname()
	require.NoError(t, err)
	cwd, err := os.Getwd()
	require.NoError(t, err)
	require.Contains(t, r.text, wireOS(runtime.GOOS)+"/"+wireArch(runtime.GOARCH)+"/"+host+"/")
	require.Contains(t, r.text, cwd)
	require.Equal(t, "macos", wireOS("darwin"))
	require.Equal(t, "x86", wireArch("386"))
	for _, goarch := range []string{"amd64", "arm64", "386", "arm", "riscv64"} {
		require.Equal(t, wire.AgentArch(goarch), wireArch(goarch), "releases are named so, and looked for")
	}
}

func TestDefaultDirsDiffer(t *testing.T) {
	t.Parallel()
	d := defaultDirs(func(string) (string, bool) { return "", false })
	for _, dir := range []string{d.config, d.data, d.logs} {
		require.True(t, filepath.IsAbs(dir), dir)
	}
	require.NotEqual(t, d.config, d.data)
	require.NotEqual(t, d.data, d.logs)
	require.NotEqual(t, d.config, d.logs)
}
