package exec

import "errors"

var (
	// ErrUnknownShell is returned for a Shell that is none of Sh, Pwsh, PowerShell and Cmd.
	ErrUnknownShell = errors.New("unknown shell")

	// ErrShellNotFound is returned when the interpreter is not on this process's PATH.
	ErrShellNotFound = errors.New("shell not found")

	// ErrInvalidSpec is returned for a Spec that no host could run: a NUL byte in it, both Script and File, a negative
	// number, a File of the wrong kind, an argument that cmd cannot be given unchanged.
	ErrInvalidSpec = errors.New("invalid spec")

	// ErrScriptRemoved is returned when a staged script is gone or differs right before the start, which is what security
	// software does to a file that it takes for harmful. Nothing has run.
	ErrScriptRemoved = errors.New("security software removed or changed the script")

	// ErrBlocked is returned when the operating system refused to start the shell for the sake of a security product or of
	// a policy (AppLocker, App Control, software restriction). Nothing has run.
	ErrBlocked = errors.New("blocked by security software or policy")

	// ErrLimitUnsupported is returned for a limit of [Limits] that this host cannot watch. Nothing has run.
	ErrLimitUnsupported = errors.New("limit not supported on this host")

	// ErrNoCgroup is returned where a host has no cgroup that a program may divide further.
	ErrNoCgroup = errors.New("no usable cgroup")
)
