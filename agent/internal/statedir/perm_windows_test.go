package statedir

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/windows"
)

// Whoever made the folder before the agent came has no part in it afterwards, as far as
// the agent is an administrator.
func TestAFolderThatSomebodyMadeIsTheAdministrators(t *testing.T) {
	path := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(path, "outbox"), 0o700))
	administrators, err := windows.CreateWellKnownSid(windows.WinBuiltinAdministratorsSid)
	require.NoError(t, err)
	is, err := windows.Token(0).IsMember(administrators)
	require.NoError(t, err)

	d, err := Open(path)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.Close()) })
	owner, err := ownerOf(path)
	require.NoError(t, err)
	if is && d.Warning() == nil {
		require.True(t, owner.Equals(administrators) || owner.IsWellKnown(windows.WinLocalSystemSid), owner.String())
	} else {
		self, err := windows.GetCurrentProcessToken().GetTokenUser()
		require.NoError(t, err)
		require.True(t, owner.Equals(self.User.Sid), owner.String())
		require.Equal(t, is, d.Warning() != nil, "who could have been the owner and is not is told")
	}
	again := filepath.Join(path, "outbox", "record.json")
	require.NoError(t, os.WriteFile(again, nil, 0o600), "the agent itself keeps its rights to what is in it")
	require.NoError(t, os.Remove(again))
}
