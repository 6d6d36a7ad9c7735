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
)
