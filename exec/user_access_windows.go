package exec

import (
	"runtime"

	"golang.org/x/sys/windows"
)

// readerSDDL is privateSDDL and one account that may read and execute.
func readerSDDL(sid string) string { return privateSDDL + "(A;OICI;FRFX;;;" + sid + ")" }

// admitReader replaces the access list of a private folder. What is in the folder inherits it: SetNamedSecurityInfo
// hands inheritable entries down to what is there already.
// https://learn.microsoft.com/windows/win32/api/aclapi/nf-aclapi-setnamedsecurityinfow
func admitReader(dir, sid string) error {
	sd, err := windows.SecurityDescriptorFromString(readerSDDL(sid))
	if err != nil {
		return err
	}
	dacl, _, err := sd.DACL()
	if err != nil {
		return err
	}
	const what = windows.DACL_SECURITY_INFORMATION | windows.PROTECTED_DACL_SECURITY_INFORMATION
	return windows.SetNamedSecurityInfo(dir, windows.SE_FILE_OBJECT, what, nil, nil, dacl, nil)
}

// BOOL ImpersonateLoggedOnUser(HANDLE hToken), a primary token with TOKEN_QUERY and TOKEN_DUPLICATE:
// https://learn.microsoft.com/windows/win32/api/securitybaseapi/nf-securitybaseapi-impersonateloggedonuser
var procImpersonateLoggedOnUser = windows.NewLazySystemDLL("advapi32.dll").NewProc("ImpersonateLoggedOnUser")

// impersonate calls do in the name of the token's user, on a thread of its own. A thread that cannot be itself again ends
// with its goroutine.
func impersonate(token windows.Token, do func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		err := doAs(token, do)
		if windows.RevertToSelf() == nil {
			runtime.UnlockOSThread()
		}
		done <- err
	}()
	return <-done
}

func doAs(token windows.Token, do func() error) error {
	if err := procImpersonateLoggedOnUser.Find(); err != nil {
		return err
	}
	if ok, _, err := procImpersonateLoggedOnUser.Call(uintptr(token)); ok == 0 {
		return err
	}
	return do()
}
