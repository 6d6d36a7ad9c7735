package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"
)

const administrator = "administrator"

func accountName() string {
	token := windows.GetCurrentProcessToken()
	user, err := token.GetTokenUser()
	switch {
	case err == nil && user.User.Sid.IsWellKnown(windows.WinLocalSystemSid):
		return "system"
	case token.IsElevated():
		return administrator
	}
	return "user"
}

func thisMachine() machine {
	name, _ := os.Hostname()
	v := windows.RtlGetVersion()
	return machine{
		Name: name, System: runtime.GOOS, Arch: runtime.GOARCH, CPUs: runtime.NumCPU(),
		Version: fmt.Sprintf("%d.%d.%d", v.MajorVersion, v.MinorVersion, v.BuildNumber),
		Details: details(),
	}
}

// details say which Windows it is, and which sessions there are: without a user's session nothing runs as one.
func details() map[string]string {
	found := map[string]string{"console_session": session(windows.WTSGetActiveConsoleSessionId())}
	var own uint32
	if windows.ProcessIdToSessionId(windows.GetCurrentProcessId(), &own) == nil {
		found["own_session"] = session(own)
	}
	key, err := registry.OpenKey(registry.LOCAL_MACHINE, `SOFTWARE\Microsoft\Windows NT\CurrentVersion`, registry.QUERY_VALUE)
	if err != nil {
		return found
	}
	defer func() { _ = key.Close() }()
	for _, name := range []string{"ProductName", "EditionID", "DisplayVersion", "CurrentBuild", "InstallationType", "BuildLabEx"} {
		if text, _, err := key.GetStringValue(name); err == nil {
			found[name] = text
		}
	}
	if revision, _, err := key.GetIntegerValue("UBR"); err == nil {
		found["UBR"] = strconv.FormatUint(revision, 10)
	}
	return found
}

func session(id uint32) string {
	if id == 0xFFFFFFFF {
		return "none"
	}
	return strconv.FormatUint(uint64(id), 10)
}
