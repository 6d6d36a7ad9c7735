package agentcli

import (
	"bytes"
	"io"
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
	p.since = time.Now().Add(-3 * time.Second)
	p.tick("looking")
	require.Contains(t, terminal.String(), "\rlooking … 3 s")
	require.NoError(t, p.print(&out, "found\n"))
	require.Equal(t, "found\n", out.String())
	require.Equal(t, byte('\r'), terminal.Bytes()[terminal.Len()-1], "the line was cleared first")
	require.Less(t, time.Since(p.since), time.Hour, "the silence begins anew")
}

func TestWhatKnowsNothingOfTheLineWritesInItsPlace(t *testing.T) {
	t.Parallel()
	var terminal, out bytes.Buffer
	p := &patience{line: &progress{out: &terminal}, since: time.Now().Add(-2 * time.Second)}
	p.tick("connecting")
	require.Contains(t, terminal.String(), "\rconnecting … 2 s")
	p.log(&out).Info("connected")
	require.Contains(t, out.String(), "msg=connected\n")
	require.Equal(t, byte('\r'), terminal.Bytes()[terminal.Len()-1], "the line was cleared first")
	_, err := p.over(failingWriter{}).Write([]byte("x"))
	require.ErrorIs(t, err, io.ErrClosedPipe)
}

type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestPatienceIsSilentWithoutATerminal(t *testing.T) {
	t.Parallel()
	var terminal, out bytes.Buffer
	p := newPatience(&terminal, "looking")
	require.NoError(t, p.print(&out, "found\n"))
	p.end()
	require.Empty(t, terminal.String())
	require.Equal(t, "found\n", out.String())
}
