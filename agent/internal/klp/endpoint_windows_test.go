package klp

import (
	"io"
	"os"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/windows"
)

// Users who are logged on may not make instances of the pipe.
func TestTheRightsOfThePipe(t *testing.T) {
	t.Parallel()
	a, err := pipeSecurity()
	require.NoError(t, err)
	require.Zero(t, a.InheritHandle)
	require.True(t, a.SecurityDescriptor.IsValid())
	dacl, _, err := a.SecurityDescriptor.DACL()
	require.NoError(t, err)
	users, err := windows.CreateWellKnownSid(windows.WinAuthenticatedUserSid)
	require.NoError(t, err)
	anonymous, err := windows.CreateWellKnownSid(windows.WinAnonymousSid)
	require.NoError(t, err)
	found := 0
	for i := range uint32(dacl.AceCount) {
		var ace *windows.ACCESS_ALLOWED_ACE
		require.NoError(t, windows.GetAce(dacl, i, &ace))
		sid := (*windows.SID)(unsafe.Pointer(&ace.SidStart))
		switch {
		case sid.Equals(anonymous):
			require.EqualValues(t, windows.ACCESS_DENIED_ACE_TYPE, ace.Header.AceType)
			found++
		case sid.Equals(users):
			require.Zero(t, ace.Mask&windows.FILE_APPEND_DATA, "which is FILE_CREATE_PIPE_INSTANCE")
			require.NotZero(t, ace.Mask&windows.FILE_READ_DATA)
			require.NotZero(t, ace.Mask&windows.FILE_WRITE_DATA)
			require.Zero(t, ace.Mask&(windows.GENERIC_ALL|windows.GENERIC_WRITE|windows.WRITE_DAC|windows.WRITE_OWNER|windows.DELETE))
			found++
		}
	}
	require.Equal(t, 2, found)
}

func TestANameThatIsNone(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"", `C:\file`, `\\.\pipe\`, `\\.\pipe\a\b`, `\\host\pipe\a`, `\\.\pipe\` + strings.Repeat("x", maxPipe), `\\.\pipe\a` + "\x00" + `b`} {
		_, err := listen(Endpoint{Path: path})
		require.ErrorContains(t, err, "klp: ", "%q", path)
	}
}

// dialAs says what the server may do in the client's name.
func dialAs(t *testing.T, path string, quality uint32) *client {
	t.Helper()
	var conn *os.File
	require.EventuallyWithT(t, func(c *assert.CollectT) { // the server may not wait yet
		var err error
		conn, err = dialPipe(path, windows.SECURITY_SQOS_PRESENT|quality)
		require.NoError(c, err)
	}, generous, time.Millisecond)
	require.NoError(t, conn.SetDeadline(time.Now().Add(generous)))
	return &client{t: t, conn: conn}
}

// A client that does not let the server know who it is hears nothing.
func TestAnAnonymousClient(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	start(t, cfg)
	c := dialAs(t, cfg.Endpoint.Path, windows.SECURITY_ANONYMOUS)
	defer c.close()
	c.send(hello)
	_, err := c.receive()
	require.ErrorIs(t, err, io.EOF)
}

func TestAClientThatOnlyLetsItselfBeIdentified(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	start(t, cfg)
	c := dialAs(t, cfg.Endpoint.Path, windows.SECURITY_IDENTIFICATION)
	defer c.close()
	c.handshake()
}
