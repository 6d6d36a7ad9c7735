package agentcli

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/windows"
)

// inWine: it takes access lists, and keeps Unix modes instead.
var inWine = windows.NewLazySystemDLL("ntdll.dll").NewProc("wine_get_version").Find() == nil

func TestWhoIsEntitled(t *testing.T) {
	t.Parallel()
	const users, everyone, login = "S-1-5-32-545", "S-1-1-0", "S-1-5-11"
	for _, tc := range []struct {
		name, access string
		rights       windows.ACCESS_MASK
		who          string
	}{
		{"closed", folderAccess, takes | writes | empties, ""},
		{"a file of Program Files", "D:(A;ID;FA;;;SY)(A;ID;FA;;;BA)(A;ID;0x1200a9;;;BU)(A;ID;0x1200a9;;;AC)", takes | writes, ""},
		{"Program Files itself", "D:PAI(A;;FA;;;" + trustedInstaller + ")(A;CIIO;GA;;;" + trustedInstaller + ")(A;;0x1301bf;;;SY)(A;OICIIO;GA;;;SY)(A;;0x1301bf;;;BA)(A;OICIIO;GA;;;BA)(A;;0x1200a9;;;BU)(A;OICIIO;GXGR;;;BU)(A;OICIIO;GA;;;CO)", takes | empties, ""},
		{"a folder on the way, below ProgramData", "D:AI(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICIIO;GA;;;CO)(A;OICI;0x1200a9;;;BU)(A;CI;DCLCRPCR;;;BU)", takes | empties, ""},
		{"the same, written into", "D:AI(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICIIO;GA;;;CO)(A;OICI;0x1200a9;;;BU)(A;CI;DCLCRPCR;;;BU)", writes, users},
		{"a folder made below C:", `D:AI(A;OICIID;FA;;;BA)(A;OICIID;FA;;;SY)(A;OICIID;0x1200a9;;;BU)(A;ID;0x1301bf;;;AU)(A;OICIIOID;SDGXGWGR;;;AU)`, takes, login},
		{"C: itself", `D:PAI(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;0x1200a9;;;BU)(A;OICIIO;SDGXGWGR;;;AU)(A;;LC;;;AU)`, takes | empties, ""},
		{"everyone", "D:(A;;FA;;;WD)", takes, everyone},
		{"everyone, on a condition", `D:(XA;;FA;;;WD;(Member_of {SID(BU)}))`, takes, everyone},
		{"denied to everyone", "D:(D;;FA;;;WD)(A;;FA;;;SY)", takes | writes, ""},
		{"the owner", "D:(A;;FA;;;OW)", takes | writes, ""},
		{"administrators of the domain", "D:(A;;FA;;;S-1-5-21-1-2-3-512)(A;;FA;;;S-1-5-21-1-2-3-500)", takes, ""},
		{"a user of the domain", "D:(A;;FA;;;S-1-5-21-1-2-3-1512)", takes, "S-1-5-21-1-2-3-1512"},
		{"nobody", "D:P", takes | writes, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			descriptor, err := windows.SecurityDescriptorFromString(tc.access)
			if inWine && tc.name == "everyone, on a condition" {
				require.Error(t, err, "Wine does not read such entries")
				return
			}
			require.NoError(t, err)
			sid, open := entitled(descriptor, tc.rights)
			require.False(t, open)
			if tc.who == "" {
				require.Nil(t, sid)
				return
			}
			require.NotNil(t, sid)
			require.Equal(t, tc.who, sid.String())
		})
	}
	descriptor, err := windows.SecurityDescriptorFromString("O:BA")
	require.NoError(t, err)
	_, open := entitled(descriptor, takes)
	require.True(t, open, "without a list everyone may do everything")
}

// What install makes belongs to the administrators and lets nobody else in, with the
// folders above; what is made inside later as well.
func TestHostInstallClosesItsFolders(t *testing.T) {
	t.Parallel()
	top := filepath.Join(t.TempDir(), "Kanade")
	dir := filepath.Join(top, "data")
	made, err := makeAbove(dir)
	require.NoError(t, err)
	require.Equal(t, []string{top}, made)
	require.NoError(t, makeClosed(dir))
	made, err = makeAbove(dir)
	require.NoError(t, err)
	require.Empty(t, made)
	require.ErrorIs(t, makeClosed(dir), os.ErrExist)
	inside := filepath.Join(dir, "FORMAT")
	require.NoError(t, os.WriteFile(inside, nil, 0o600), "who closed it still writes there")
	require.NoError(t, closeFolder(dir), "again")
	if inWine {
		return
	}
	for _, path := range []string{top, dir, inside} {
		require.Empty(t, changeable(path, takes|writes|empties))
	}
	for _, path := range []string{top, dir} {
		owner, access, err := accessOf(path)
		require.NoError(t, err)
		require.True(t, owner.IsWellKnown(windows.WinBuiltinAdministratorsSid), owner.String())
		require.True(t, isClosed(path, nil), access)
	}
}

// Everyone may change what is in a folder that was made at the top of a drive: the
// program there is whose it likes.
func TestHostAProgramThatOthersChangeIsNamed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	program := filepath.Join(dir, "agent.exe")
	require.NoError(t, os.WriteFile(program, nil, 0o700))
	open, err := windows.SecurityDescriptorFromString("O:BAD:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;0x1301bf;;;AU)")
	require.NoError(t, err)
	list, _, err := open.DACL()
	require.NoError(t, err)
	const what = windows.DACL_SECURITY_INFORMATION | windows.PROTECTED_DACL_SECURITY_INFORMATION
	require.NoError(t, windows.SetNamedSecurityInfo(dir, windows.SE_FILE_OBJECT, what, nil, nil, list, nil))
	if inWine {
		return
	}
	require.Contains(t, replaceable(program), " can be changed by ")
	require.Contains(t, replaceable(dir), " can be changed by ")
	require.NoError(t, closeFolder(dir))
	require.NoError(t, closeFile(program))
	require.Empty(t, changeable(dir, takes|writes|empties))
	require.Empty(t, changeable(program, takes|writes))
}

// A link is followed step by step: who owns it has it lead elsewhere.
func TestHostLinksAreFollowed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	target := filepath.Join(dir, "real")
	require.NoError(t, os.Mkdir(target, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(target, "file"), nil, 0o600))
	require.NoError(t, os.Symlink(target, filepath.Join(dir, "one")))
	require.NoError(t, os.Symlink("one", filepath.Join(dir, "two")))
	if inWine {
		return // it says that it makes links, and makes none
	}
	end, why := follow(filepath.Join(dir, "two", "file"))
	require.Equal(t, filepath.Join(target, "file"), end, why)
	require.NoError(t, os.Symlink("loop", filepath.Join(dir, "loop")))
	_, why = follow(filepath.Join(dir, "loop", "file"))
	require.Contains(t, why, "leads nowhere")
}
