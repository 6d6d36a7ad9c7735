package exec

// As names the account and the desktop that a script runs on.
type As int

// The choices of [Spec.As].
const (
	// AsSystem is the account of this process, in the session of this process. For a service that is usually the
	// system's own account, which has no desktop that anybody sees.
	AsSystem As = iota

	// AsUser is the user who is logged on: the one at the console, else the one of the active remote session with the
	// lowest number. Administrators get the filtered token that their desktop has. Windows only, and this process has to
	// be LocalSystem.
	AsUser

	// AsSystemGUI is the account of this process on the desktop of that user. Windows only; privileges as for AsUser.
	AsSystemGUI
)

var asNames = [...]string{"system", "user", "system_gui"}

func (a As) String() string {
	if a < 0 || int(a) >= len(asNames) {
		return "unknown"
	}
	return asNames[a]
}
