package wire

import (
	"fmt"
	"unicode/utf8"
)

// RunAs is the identity that a script runs under. The zero value is
// [RunAsSystem].
type RunAs uint8

// The identities.
const (
	RunAsSystem    RunAs = iota // the agent's own
	RunAsUser                   // the user at the console, Windows only
	RunAsSystemGUI              // the agent's own, in the console session, Windows only
)

var runAsNames = []string{"system", "user", "system_gui"}

// String returns the name on the wire.
func (r RunAs) String() string { return enumName("run_as", runAsNames, uint8(r)) }

func enumName(what string, names []string, i uint8) string {
	if int(i) < len(names) {
		return names[i]
	}
	return fmt.Sprintf("%s(%d)", what, i)
}

func checkEnum(names []string, i uint8) error {
	if int(i) < len(names) {
		return nil
	}
	return fmt.Errorf("%d is not one of the %d known values", i, len(names))
}

// checkText says that value cannot be written without changing it.
func checkText(field, value string) error {
	if utf8.ValidString(value) {
		return nil
	}
	return fmt.Errorf("%w %s: not valid UTF-8", ErrInvalid, field)
}
