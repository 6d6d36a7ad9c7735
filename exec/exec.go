package exec

import (
	"context"
	"time"
)

// Shell names the interpreter of a script.
type Shell string

// The shells. Each is looked up on the PATH on every operating system.
const (
	Sh         Shell = "sh"
	Pwsh       Shell = "pwsh"
	PowerShell Shell = "powershell" // pwsh where there is no powershell on the PATH
	Cmd        Shell = "cmd"
)

// End says how a run came to its end.
type End int

// The ends of a run.
const (
	EndExited   End = iota // the shell exited; Code is its exit code
	EndSignaled            // the shell died of a signal that nobody here sent (Unix)
	EndTimeout             // Spec.Timeout passed and the tree was killed
	EndCanceled            // the context ended and the tree was killed, or nothing was started
)

var endNames = [...]string{"exited", "signaled", "timeout", "canceled"}

func (e End) String() string {
	if e < 0 || int(e) >= len(endNames) {
		return "unknown"
	}
	return endNames[e]
}

// Spec describes one run.
type Spec struct {
	Shell Shell

	// Script is the text to run, File the path of an existing script file; at most one is set, none is an empty script.
	// A relative File is looked up in Dir. PowerShell wants a .ps1 file, cmd a .cmd or .bat file.
	Script string
	File   string

	// Args are the script's own arguments: $1 in sh, param() or $args in PowerShell, %1 in cmd.
	Args []string

	// Env is the whole environment as "name=value"; nil inherits this process's, empty is empty.
	Env []string

	// Dir is the working directory; empty is this process's.
	Dir string

	// Timeout counts from the spawn. 0 means none; a negative value is ErrInvalidSpec.
	Timeout time.Duration

	// MaxOutput is how many bytes of each stream are kept. 0 means the Runner's default; a negative value is ErrInvalidSpec.
	MaxOutput int
}

// Outcome is what became of a run that was started.
type Outcome struct {
	End  End
	Code int // the exit code, on Windows as a signed 32-bit number; -1 unless End is EndExited

	// Stdout and Stderr are the bytes as written. When a stream was longer than the limit, a line in its middle
	// says how many bytes there were and how many are left out, and Truncated is set.
	Stdout    []byte
	Stderr    []byte
	Truncated bool

	// Incomplete says that the end of the output may be missing: a process that the script left behind still held
	// stdout or stderr when the drain grace was over.
	Incomplete bool

	// Started is the moment before the spawn, Finished the moment after the shell's end.
	// They are equal when the context had ended before the start.
	Started  time.Time
	Finished time.Time
}

// Runner runs scripts. An error means that the script could not be started or watched; how a started script ended is in
// the Outcome.
type Runner interface {
	Run(ctx context.Context, s Spec) (Outcome, error)
}

// RunnerFunc is a function as a Runner.
type RunnerFunc func(ctx context.Context, s Spec) (Outcome, error)

// Run calls f.
func (f RunnerFunc) Run(ctx context.Context, s Spec) (Outcome, error) { return f(ctx, s) }
