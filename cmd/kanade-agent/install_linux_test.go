package main

import (
	"encoding/xml"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A package carries this unit: it is what the program itself would install.
func TestThePrintedUnitIsTakenBySystemd(t *testing.T) {
	t.Parallel()
	unit, errs, code := run(t, "install", "--print", "systemd", "--program", binary)
	require.Zero(t, code, errs)
	require.Contains(t, unit, "\nExecStart="+binary+" run --config /etc/kanade/agent.toml\n")
	path := filepath.Join(t.TempDir(), "kanade-agent.service")
	require.NoError(t, os.WriteFile(path, []byte(unit), 0o644))
	out, err := exec.CommandContext(t.Context(), "systemd-analyze", "--man=no", "verify", path).CombinedOutput()
	require.NoError(t, err, "%s", out)
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, "kanade-agent") { // keys that this systemd does not know yet are left out by install
			require.Regexp(t, `Unknown key( name)? '(RestartSteps|RestartMaxDelaySec|DelegateSubgroup)'`, line)
		}
	}
}

func TestThePrintedPlistIsXML(t *testing.T) {
	t.Parallel()
	job, errs, code := run(t, "install", "--print", "launchd", "--program", "/usr/local/bin/kanade-agent")
	require.Zero(t, code, errs)
	require.NoError(t, xml.Unmarshal([]byte(job), new(struct {
		XMLName xml.Name `xml:"plist"`
	})))
}
