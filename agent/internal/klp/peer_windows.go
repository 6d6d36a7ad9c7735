package klp

import (
	"errors"
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/windows"
)

var impersonateNamedPipeClient = windows.NewLazySystemDLL("advapi32.dll").NewProc("ImpersonateNamedPipeClient")

// Peer takes the client's identity from the pipe itself. Its process ID could be
// that of another process by now.
func (c pipeConn) Peer() (peer, error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return peer{}, fmt.Errorf("klp: who is the client: %w", err)
	}
	var who peer
	var sid *windows.SID
	var failed error
	if err := raw.Control(func(fd uintptr) { who, sid, failed = peerOf(windows.Handle(fd)) }); err != nil || failed != nil {
		return peer{}, errors.Join(err, failed)
	}
	who.user, who.account = accountName(sid), sid.String()
	return who, nil
}

// peerOf becomes the client for a moment, on a thread that nothing else uses. A
// thread that does not become the agent again ends with its goroutine.
func peerOf(pipe windows.Handle) (who peer, sid *windows.SID, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		if ok, _, failed := impersonateNamedPipeClient.Call(uintptr(pipe)); ok == 0 {
			runtime.UnlockOSThread()
			err = fmt.Errorf("klp: impersonate the client: %w", failed)
			return
		}
		who, sid, err = impersonated()
		if failed := windows.RevertToSelf(); failed != nil {
			err = errors.Join(err, fmt.Errorf("klp: end the impersonation: %w", failed))
			return
		}
		runtime.UnlockOSThread()
	}()
	<-done
	return who, sid, err
}

// impersonated is who this thread is.
func impersonated() (who peer, sid *windows.SID, err error) {
	var token windows.Token
	if err := windows.OpenThreadToken(windows.CurrentThread(), windows.TOKEN_QUERY, true, &token); err != nil {
		return peer{}, nil, fmt.Errorf("klp: token of the client: %w", err)
	}
	defer func() { _ = token.Close() }()
	account, err := token.GetTokenUser()
	if err != nil {
		return peer{}, nil, fmt.Errorf("klp: user of the client: %w", err)
	}
	if who.session, err = sessionOf(token); err != nil {
		return peer{}, nil, err
	}
	sid = account.User.Sid
	who.trusted = trusted(token, sid)
	return who, sid, nil
}

func sessionOf(token windows.Token) (uint32, error) {
	var session, size uint32
	err := windows.GetTokenInformation(token, windows.TokenSessionId, (*byte)(unsafe.Pointer(&session)), uint32(unsafe.Sizeof(session)), &size)
	if err != nil {
		return 0, fmt.Errorf("klp: session of the client: %w", err)
	}
	return session, nil
}

func accountName(sid *windows.SID) string {
	name, domain, _, err := sid.LookupAccount("")
	if err != nil {
		return unknownUser
	}
	return domain + `\` + name
}

// trusted are the system, the agent's own user, and administrators that have
// their rights now: one that was not asked by the system yet has them not.
func trusted(token windows.Token, user *windows.SID) bool {
	if own, err := windows.GetCurrentProcessToken().GetTokenUser(); err == nil && user.Equals(own.User.Sid) {
		return true
	}
	if user.IsWellKnown(windows.WinLocalSystemSid) {
		return true
	}
	admins, err := windows.CreateWellKnownSid(windows.WinBuiltinAdministratorsSid)
	if err != nil {
		return false
	}
	member, err := token.IsMember(admins)
	return err == nil && member
}
