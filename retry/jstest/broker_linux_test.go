package jstest

import (
	"bufio"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The test runs itself once more as a test process that is killed while its broker runs.
func TestBrokerDiesWithItsTestProcess(t *testing.T) {
	const child = "JSTEST_CHILD"
	if os.Getenv(child) != "" {
		_, err := os.Stdout.WriteString("\n" + StartBroker(t).URL() + "\n")
		require.NoError(t, err)
		select {}
	}
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), child+"=1", "TMPDIR="+t.TempDir()) // what it leaves goes with this test
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	defer func() { require.Error(t, cmd.Wait(), "it was killed") }()

	var host string
	for lines := bufio.NewScanner(out); host == "" && lines.Scan(); {
		if address, found := strings.CutPrefix(lines.Text(), "nats://"); found {
			host = address
		}
	}
	require.NotEmpty(t, host)
	require.NoError(t, cmd.Process.Kill())
	require.Eventually(t, func() bool {
		c, err := net.Dial("tcp", host)
		if err == nil {
			_ = c.Close()
		}
		return err != nil
	}, time.Minute, 10*time.Millisecond, "the broker outlives the test process")
}
