package exec

import "slices"

// noConsole is what Windows answers while no session is attached to the console, for example while it changes hands.
const noConsole = 0xFFFFFFFF

// session is one of a host's sessions. Active means that somebody sees it: logged on and connected.
type session struct {
	id     uint32
	active bool
}

// candidates lists the sessions in which the user may be found, best first: the console, then what is active, in order of
// their numbers. Session 0 holds services only.
func candidates(console uint32, sessions []session) []uint32 {
	var others []uint32
	for _, s := range sessions {
		if s.active && s.id != 0 && s.id != console && s.id != noConsole {
			others = append(others, s.id)
		}
	}
	slices.Sort(others)
	others = slices.Compact(others)
	if console == noConsole || console == 0 {
		return others
	}
	return append([]uint32{console}, others...)
}
