package exec

import (
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/windows"
)

// userToken returns the primary token of the user who is logged on, and the session. The caller closes the token.
// WTSQueryUserToken wants LocalSystem:
// https://learn.microsoft.com/windows/win32/api/wtsapi32/nf-wtsapi32-wtsqueryusertoken
func userToken(as As) (windows.Token, uint32, error) {
	sessions, failures := activeSessions()
	for _, id := range candidates(windows.WTSGetActiveConsoleSessionId(), sessions) {
		var token windows.Token
		err := windows.WTSQueryUserToken(id, &token)
		switch {
		case err == nil:
			return token, id, nil
		case errors.Is(err, windows.ERROR_PRIVILEGE_NOT_HELD):
			return 0, 0, notSystem(as, fmt.Sprintf("ask for the user of session %d", id), err)
		case !errors.Is(err, windows.ERROR_NO_TOKEN): // which means the logon screen
			failures = errors.Join(failures, fmt.Errorf("user of session %d: %w", id, err))
		}
	}
	return 0, 0, noUser(as, failures)
}

// activeSessions asks this host alone.
// https://learn.microsoft.com/windows/win32/api/wtsapi32/nf-wtsapi32-wtsenumeratesessionsw
func activeSessions() ([]session, error) {
	const version = 1 // the only one
	var first *windows.WTS_SESSION_INFO
	var count uint32
	if err := windows.WTSEnumerateSessions(0, 0, version, &first, &count); err != nil {
		return nil, fmt.Errorf("enumerate sessions: %w", err)
	}
	defer windows.WTSFreeMemory(uintptr(unsafe.Pointer(first)))
	sessions := make([]session, 0, count)
	for _, info := range unsafe.Slice(first, count) {
		sessions = append(sessions, session{id: info.SessionID, active: info.State == windows.WTSActive})
	}
	return sessions, nil
}

// guiToken returns a copy of this process's token that belongs to the session of the user who is logged on.
func guiToken() (windows.Token, error) {
	user, id, err := userToken(AsSystemGUI)
	if err != nil {
		return 0, err
	}
	_ = user.Close() // only its session is of interest
	return ownTokenIn(id)
}

// ownTokenIn copies this process's token and moves the copy to a session, which wants the privilege SeTcbPrivilege:
// https://learn.microsoft.com/windows/win32/api/securitybaseapi/nf-securitybaseapi-settokeninformation
func ownTokenIn(id uint32) (windows.Token, error) {
	token, err := copyOwnToken()
	if err != nil {
		return 0, err
	}
	err = windows.SetTokenInformation(token, windows.TokenSessionId, (*byte)(unsafe.Pointer(&id)), uint32(unsafe.Sizeof(id)))
	if err == nil {
		return token, nil
	}
	_ = token.Close()
	what := fmt.Sprintf("move to session %d", id)
	if errors.Is(err, windows.ERROR_PRIVILEGE_NOT_HELD) {
		return 0, notSystem(AsSystemGUI, what, err)
	}
	return 0, fmt.Errorf("run as %s: %s: %w", AsSystemGUI, what, err)
}

// copyOwnToken returns a primary token with the rights of this process's.
// https://learn.microsoft.com/windows/win32/api/securitybaseapi/nf-securitybaseapi-duplicatetokenex
func copyOwnToken() (windows.Token, error) {
	var own, token windows.Token
	if err := windows.OpenProcessToken(windows.CurrentProcess(), windows.TOKEN_DUPLICATE|windows.TOKEN_QUERY, &own); err != nil {
		return 0, fmt.Errorf("open the token of this process: %w", err)
	}
	defer func() { _ = own.Close() }()
	const access = windows.TOKEN_ASSIGN_PRIMARY | windows.TOKEN_DUPLICATE | windows.TOKEN_IMPERSONATE |
		windows.TOKEN_QUERY | windows.TOKEN_ADJUST_DEFAULT | windows.TOKEN_ADJUST_SESSIONID
	if err := windows.DuplicateTokenEx(own, access, nil, windows.SecurityImpersonation, windows.TokenPrimary, &token); err != nil {
		return 0, fmt.Errorf("copy the token of this process: %w", err)
	}
	return token, nil
}
