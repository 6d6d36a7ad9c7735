package wire

import (
	"errors"
	"fmt"
	"time"
	"unicode/utf8"
)

// The values of the bucket script_status, whose keys are job ids. They are raw
// text, compared exactly.
const (
	ScriptActive  = "ACTIVE"
	ScriptRevoked = "REVOKED"
)

// maxVersionBytes bounds a value of the bucket script_current.
const maxVersionBytes = 1024

// CheckScriptStatus says why value cannot be a value of the bucket
// script_status. The error matches [ErrInvalid].
func CheckScriptStatus(value []byte) error {
	switch string(value) {
	case ScriptActive, ScriptRevoked:
		return nil
	}
	return invalid("script status", fmt.Errorf("expected %s or %s, found %s", ScriptActive, ScriptRevoked, clip(value)))
}

// CheckScriptVersion says why value cannot be a value of the bucket
// script_current, the version that a job is pinned to: raw text of at most 1,024
// bytes. The error matches [ErrInvalid].
func CheckScriptVersion(value []byte) error {
	switch {
	case len(value) > maxVersionBytes:
		return invalid("script version", fmt.Errorf("%d bytes; at most %d are allowed", len(value), maxVersionBytes))
	case !utf8.Valid(value):
		return invalid("script version", errors.New("not valid UTF-8"))
	}
	return nil
}

// ScriptState is what is known of a job from the buckets script_current and
// script_status.
type ScriptState struct {
	// Known is false as long as either bucket was never read, by this process or
	// by an earlier one; the rest then says nothing.
	Known bool
	// Pinned says that the job has a pin; Version is the only one that runs.
	Pinned  bool
	Version string
	Revoked bool
	// Age is for how long the broker may have known better: 0 when the state is
	// as fresh as can be, [NeverConnected] when this process never read it.
	Age time.Duration
	// Final says that nobody can be asked for a better answer now.
	Final bool
}

// Refuses reports whether a command that brings version must not run.
func (s ScriptState) Refuses(version string) bool {
	return s.Revoked || s.Pinned && s.Version != version
}
