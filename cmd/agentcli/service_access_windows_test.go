package agentcli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/windows"
)

func TestAccessThatIsClosed(t *testing.T) {
	t.Parallel()
	for access, want := range map[string]bool{
		strings.TrimPrefix(fileAccess, "O:BA"):   true,
		strings.TrimPrefix(folderAccess, "O:BA"): true,
		"D:PAI(A;;FA;;;SY)(A;;FA;;;BA)":          true,
		"D:AI(A;ID;FA;;;SY)(A;ID;FA;;;BA)":       false, // what the folder gives may change
		"D:P(A;;FA;;;SY)(A;;FR;;;BU)":            false,
		"D:P(A;;FA;;;SY)(A;;0x1200a9;;;WD)":      false,
		"D:P(A;;FA;;;SY)(A;;FA;;;S-1-5-21-1)":    false,
		"D:P(A;;FA;;;BA)(XA;;FX;;;WD;(a == 1))":  false,
		"D:P":                                    false,
		"D:NO_ACCESS_CONTROL":                    false,
		"D:":                                     false,
		"":                                       false,
	} {
		require.Equal(t, want, closedAccess().MatchString(access), access)
	}
}

func TestOwners(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{"S-1-5-18": true, "S-1-5-32-544": true, trustedInstaller: true, "S-1-5-32-545": false, "S-1-1-0": false, "S-1-5-21-1-2-3-500": false} {
		sid, err := windows.StringToSid(text)
		require.NoError(t, err)
		require.Equal(t, want, administers(sid), text)
	}
}

// What this process makes is its own, or the administrators'.
func TestOwnFilesAreClosed(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	owner, access, err := accessOf(path)
	require.NoError(t, err)
	require.True(t, administers(owner) || isThisUser(owner), owner.String())
	require.Contains(t, access, "D:")
	require.NoError(t, closeFile(path))
	require.NoError(t, os.WriteFile(path, nil, 0o600), "who closed it still writes it")
}
