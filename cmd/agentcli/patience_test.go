package agentcli

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestPatienceSpeaksAfterASecondOfSilence(t *testing.T) {
	t.Parallel()
	var terminal, out bytes.Buffer
	p := &patience{line: &progress{out: &terminal}, since: time.Now().Add(time.Hour)}
	p.tick("looking")
	require.Empty(t, terminal.String(), "something was printed just now")
	p.since = time.Now().Add(-3500 * time.Millisecond)
	p.tick("looking")
	require.Contains(t, terminal.String(), "\rlooking … 3 s")
	require.NoError(t, p.print(&out, "found\n"))
	require.Equal(t, "found\n", out.String())
	require.Equal(t, byte('\r'), terminal.Bytes()[terminal.Len()-1], "the line was cleared first")
	require.Less(t, time.Since(p.since), time.Hour, "the silence begins anew")
}

func TestPatienceIsSilentWithoutATerminal(t *testing.T) {
	t.Parallel()
	var terminal, out bytes.Buffer
	p := newPatience(&terminal, "looking")
	require.NoError(t, p.print(&out, "found\n"))
	p.end()
	require.Empty(t, terminal.String())
	require.Equal(t, "found\n", out.String())
}
