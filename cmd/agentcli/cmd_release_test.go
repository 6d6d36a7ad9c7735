package agentcli

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent"
	"github.com/kanade-go/kanade/retry/jstest"
)

// release runs a verb of release as an operator would.
func release(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	cmd := NewCommand(Brand{Version: "1.0.0"})
	cmd.SetArgs(append([]string{"release"}, args...))
	cmd.SetOut(&out)
	cmd.SetErr(t.Output())
	err := cmd.ExecuteContext(t.Context())
	return out.String(), err
}

// executable is a file that looks like one for this host.
func executable(t *testing.T) string {
	t.Helper()
	header := make([]byte, 4096)
	self, err := os.Executable()
	require.NoError(t, err)
	f, err := os.Open(self)
	require.NoError(t, err)
	defer f.Close()
	_, err = f.Read(header)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "agent.exe")
	require.NoError(t, os.WriteFile(path, header, 0o755))
	return path
}

func keyPair(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "fleet")
	out, err := release(t, "keygen", "--out", path)
	require.NoError(t, err)
	require.Len(t, strings.TrimSpace(out), 32)
	return path
}

func TestKeygenOverwritesNothing(t *testing.T) {
	t.Parallel()
	path := keyPair(t)
	info, err := os.Stat(path + ".key")
	require.NoError(t, err)
	if runtime.GOOS != "windows" {
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	}
	before, err := os.ReadFile(path + ".key")
	require.NoError(t, err)
	_, err = release(t, "keygen", "--out", path)
	require.ErrorContains(t, err, "is there already")
	after, err := os.ReadFile(path + ".key")
	require.NoError(t, err)
	require.Equal(t, before, after)
}

func TestSignAndVerify(t *testing.T) {
	t.Parallel()
	exe, first, second, stranger := executable(t), keyPair(t), keyPair(t), keyPair(t)
	_, err := release(t, "sign", exe, "--version", "1.4.0", "--minimum-version", "1.2.0", "--key", first+".key", "--key", second+".key")
	require.NoError(t, err)
	for _, key := range []string{first, second} {
		out, err := release(t, "verify", exe, "--key", key+".pub")
		require.NoError(t, err)
		require.Contains(t, out, "kanade-agent 1.4.0 for ")
	}
	out, err := release(t, "verify", exe, "--key", first+".pub", "--json")
	require.NoError(t, err)
	var r agent.Release
	require.NoError(t, json.Unmarshal([]byte(out), &r))
	require.Equal(t, "1.2.0", r.MinimumVersion)

	_, err = release(t, "verify", exe, "--key", stranger+".pub")
	require.ErrorIs(t, err, agent.ErrReleaseUnsigned)
	_, err = release(t, "sign", exe, "--version", "1.4.0", "--key", first+".key")
	require.ErrorIs(t, err, os.ErrExist)

	f, err := os.OpenFile(exe, os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = f.WriteString("x")
	require.NoError(t, err)
	require.NoError(t, f.Close())
	_, err = release(t, "verify", exe, "--key", first+".pub")
	require.ErrorIs(t, err, agent.ErrOtherRelease)
	require.Equal(t, ExitError, ExitCode(err))
}

// A release build for another system than this: nothing of it is started.
func TestTheVersionThatAFileSaysIsTheOneThatIsSigned(t *testing.T) {
	t.Parallel()
	exe, key := executable(t), keyPair(t)
	f, err := os.OpenFile(exe, os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	said := `{"product":"kanade-agent","version":"1.5.0","platform":"linux-x86_64"}`
	_, err = f.WriteString("KNAGMETA\x01\x00\x00\x00" + string([]byte{byte(len(said)), 0, 0, 0}) + said)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	_, err = release(t, "sign", exe, "--version", "1.4.0", "--key", key+".key")
	require.ErrorContains(t, err, `was built as version "1.5.0", not "1.4.0"`)
	require.NoFileExists(t, exe+manifestSuffix)
	_, err = release(t, "publish", exe, "--id", "desk", "--nats-url", "nats://127.0.0.1:1", "--unsigned-version", "1.4.0")
	require.ErrorContains(t, err, "was built as")
	_, err = release(t, "sign", exe, "--version", "1.5.0", "--key", key+".key")
	require.NoError(t, err)
	_, err = release(t, "verify", exe, "--key", key+".pub")
	require.NoError(t, err)
}

func TestReleaseUsage(t *testing.T) {
	t.Parallel()
	exe, key := executable(t), keyPair(t)
	for name, args := range map[string][]string{
		"no executable": {"sign"}, "two": {"verify", "a", "b"}, "no key": {"verify", exe}, "no version": {"sign", exe, "--key", key + ".key"},
		"argument": {"keygen", "x"}, "unknown flag": {"publish", exe, "--colour"},
	} {
		_, err := release(t, args...)
		require.Equal(t, ExitUsage, ExitCode(err), "%s: %v", name, err)
	}
	_, err := release(t, "sign", exe, "--version", "1.4.0", "--key", key+".pub")
	require.ErrorIs(t, err, agent.ErrReleaseKey)
	_, err = release(t, "sign", key+".pub", "--version", "1.4.0", "--key", key+".key")
	require.ErrorContains(t, err, "not an executable")
}

func TestPublish(t *testing.T) {
	t.Parallel()
	b := jstest.StartBroker(t)
	store, err := b.JetStream().CreateObjectStore(t.Context(), jetstream.ObjectStoreConfig{Bucket: "agent_releases"})
	require.NoError(t, err)
	exe, key := executable(t), keyPair(t)
	publish := func(args ...string) (string, error) {
		return release(t, append([]string{"publish", exe, "--id", "desk", "--data-dir", t.TempDir(), "--nats-url", b.URL()}, args...)...)
	}
	_, err = publish()
	require.ErrorIs(t, err, os.ErrNotExist, "there is no manifest")
	_, err = release(t, "sign", exe, "--version", "1.4.0", "--key", key+".key")
	require.NoError(t, err)
	out, err := publish()
	require.NoError(t, err)
	name := strings.Fields(out)[0]
	require.Equal(t, "1.4.0-"+wireOS(runtime.GOOS)+"-"+wireArch(runtime.GOARCH), name)

	want, err := os.ReadFile(exe)
	require.NoError(t, err)
	got, err := store.GetBytes(t.Context(), name)
	require.NoError(t, err)
	require.Equal(t, want, got)
	info, err := store.GetInfo(t.Context(), name)
	require.NoError(t, err)
	public, err := readPublicKey(key + ".pub")
	require.NoError(t, err)
	r, err := agent.VerifyRelease([]byte(info.Metadata["kanade-manifest"]), public)
	require.NoError(t, err)
	require.Equal(t, "1.4.0", r.Version)

	_, err = publish()
	require.NoError(t, err, "the same again")
	_, err = publish("--unsigned-version", "1.4.0")
	require.ErrorIs(t, err, agent.ErrReleasePublished, "its manifest would be lost")
	info, err = store.GetInfo(t.Context(), name)
	require.NoError(t, err)
	require.NotEmpty(t, info.Metadata)
	require.NoError(t, os.WriteFile(exe, append(want, 'x'), 0o755))
	_, err = publish()
	require.ErrorIs(t, err, agent.ErrOtherRelease)
	_, err = publish("--unsigned-version", "1.4.0")
	require.ErrorIs(t, err, agent.ErrReleasePublished)
	_, err = publish("--unsigned-version", "1.4.0", "--replace")
	require.NoError(t, err)
}
