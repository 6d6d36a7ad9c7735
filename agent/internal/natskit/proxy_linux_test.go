package natskit

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/internal/logtest"
	"github.com/kanade-go/kanade/retry/jstest"
)

func dialInProcess(t *testing.T, server string, env ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), append(env, dialVariable+"="+server)...)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	return string(out)
}

// The environment names the proxy, and the system's store the authority.
func TestTheEnvironmentsProxyAndTheSystemsAuthorities(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t, t.TempDir())
	_, web := webBroker(t, ca)
	proxy := startProxy(t, "-user", "agent:pr0xy-s3cret", "-names", "broker.example:443="+web)
	env := []string{"SSL_CERT_FILE=" + ca.file, "HTTPS_PROXY=http://agent:pr0xy-s3cret@" + proxy.address, "NO_PROXY="}
	out := dialInProcess(t, "wss://broker.example:443", env...)
	require.Contains(t, out, "connected to wss://broker.example:443")
	require.NotContains(t, out, "s3cret")
	proxy.requireAsked(t, "CONNECT broker.example:443 200")
}

func TestABrokenProxyInTheEnvironmentIsReportedWithoutItsPassword(t *testing.T) {
	t.Parallel()
	broker := jstest.StartBroker(t)
	env := []string{"HTTPS_PROXY=http://agent:pr0xy-s3cret@proxy:port", "NO_PROXY="}
	require.Contains(t, dialInProcess(t, broker.URL(), env...), "connected to nats://127.0.0.1", "plain NATS does not care")

	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), append(env, dialVariable+"=wss://broker.example:443")...)
	var out logtest.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	require.NoError(t, cmd.Start())
	require.Eventually(t, func() bool { return strings.Contains(out.String(), "the proxy in the environment") }, patience, time.Millisecond)
	require.NoError(t, cmd.Process.Kill())
	require.Error(t, cmd.Wait())
	require.NotContains(t, out.String(), "s3cret")
}
