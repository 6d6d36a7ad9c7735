package exec

import (
	"errors"
	"slices"
	"syscall"

	"golang.org/x/sys/windows"
)

// policyErrors are what CreateProcess and CreateFile answer for a security product or a policy.
var policyErrors = []syscall.Errno{
	windows.ERROR_VIRUS_INFECTED,
	windows.ERROR_VIRUS_DELETED,
	windows.ERROR_ACCESS_DISABLED_BY_POLICY,
	windows.ERROR_ACCESS_DISABLED_NO_SAFER_UI_BY_POLICY,
	windows.ERROR_ACCESS_DISABLED_WEBBLADE,
	windows.ERROR_ACCESS_DISABLED_WEBBLADE_TAMPER,
	errorSystemIntegrityPolicy,
}

// ERROR_SYSTEM_INTEGRITY_POLICY_VIOLATION of winerror.h: what App Control answers.
const errorSystemIntegrityPolicy syscall.Errno = 4551

func byPolicy(err error) bool {
	errno, ok := errors.AsType[syscall.Errno](err)
	return ok && slices.Contains(policyErrors, errno)
}
