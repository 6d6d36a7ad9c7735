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
	EndLimit               // the run went beyond the limit that Outcome.Limit names, and the tree was killed
)

var endNames = [...]string{"exited", "signaled", "timeout", "canceled", "limit"}

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

	// ExpandDir has Windows replace a leading ~ and each %NAME% in Dir by what they are for the account of the run.
	ExpandDir bool

	// As is the account and the desktop of the run; the zero value is this process's own.
	As As

	// Timeout counts from the spawn. 0 means none; a negative value is ErrInvalidSpec.
	Timeout time.Duration

	// MaxOutput is how many bytes of each stream are kept. 0 means the Runner's default; a negative value is ErrInvalidSpec.
	MaxOutput int

	// Tail, if there is one, takes the end of the output while the run goes on.
	Tail *Tail

	// Limits bound what the run may use; the zero value is no limit at all.
	Limits Limits
}

// Outcome is what became of a run that was started.
type Outcome struct {
	End  End
	Code int // the exit code, on Windows as a signed 32-bit number; -1 unless End is EndExited

	// Stdout and Stderr are valid UTF-8. Of a line that is not, Windows decodes what the console's (OEM) code page knows;
	// elsewhere, and for the rest, U+FFFD stands for each byte. So the text can be up to three times as long as what was
	// written. [WithRawOutput] leaves the bytes alone. When a stream was longer than the limit, a line in its middle says how
	// many bytes there were and how many are left out, and Truncated is set.
	Stdout    []byte
	Stderr    []byte
	Truncated bool

	// Incomplete says that the end of the output may be missing: a process that the script left behind still held
	// stdout or stderr when the drain grace was over.
	Incomplete bool

	// Limit is the limit that was reached, empty if none was.
	Limit Limit

	// Language is PowerShell's language mode ("FullLanguage", "ConstrainedLanguage", ...) in scripts of this Local; empty for
	// other shells, and as long as no launcher has told.
	Language string

	// Blocked says, in a sentence, what security software or a policy did to the script after the start; empty if nothing
	// was seen. It is only looked for when the script failed.
	Blocked string

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
