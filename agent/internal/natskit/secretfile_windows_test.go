package natskit

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/windows"
)

// allow replaces the file's access list by one in the notation of Windows.
func allow(t *testing.T, file, list string) {
	t.Helper()
	descriptor, err := windows.SecurityDescriptorFromString(list)
	require.NoError(t, err)
	dacl, _, err := descriptor.DACL()
	require.NoError(t, err)
	const what = windows.DACL_SECURITY_INFORMATION | windows.PROTECTED_DACL_SECURITY_INFORMATION
	require.NoError(t, windows.SetNamedSecurityInfo(file, windows.SE_FILE_OBJECT, what, nil, nil, dacl, nil))
}

func openToAll(t *testing.T, file string) {
	t.Helper()
	allow(t, file, "D:P(A;;FA;;;SY)(A;;FA;;;BA)(A;;FA;;;OW)(A;;FR;;;BU)")
}

func TestListsThatAreOpen(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "secret")
	put(t, file, "x")
	for list, open := range map[string]bool{
		"D:P(A;;FA;;;SY)(A;;FA;;;BA)(A;;FA;;;OW)":               false,
		"D:P(A;;FA;;;SY)(A;;FA;;;BA)(A;;FA;;;OW)(A;;RC;;;WD)":   false,
		"D:P(A;;FA;;;SY)(A;;FA;;;BA)(A;;FA;;;OW)(A;;FR;;;WD)":   true,
		"D:P(A;;FA;;;SY)(A;;FA;;;BA)(A;;FA;;;OW)(A;;FR;;;AU)":   true,
		"D:P(A;;FA;;;SY)(A;;FA;;;BA)(A;;FA;;;OW)(A;;FW;;;BU)":   true,
		"D:P(A;;FA;;;SY)(A;;FA;;;BA)(A;;FA;;;OW)(A;;GRGX;;;BU)": true,
	} {
		allow(t, file, list)
		require.Equal(t, open, exposed(file) != "", list)
	}
}
