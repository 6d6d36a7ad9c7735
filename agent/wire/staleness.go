package wire

import (
	"errors"
	"math"
	"time"
)

// StalenessMode is what a command asks of an agent that may have missed newer
// orders. The zero value is [StalenessCached].
type StalenessMode uint8

// The modes.
const (
	StalenessCached    StalenessMode = iota // the last known answer is good enough
	StalenessUnchecked                      // no gate either; pins and revocations still count
	StalenessStrict                         // only within Staleness.MaxCacheAge
)

var stalenessNames = []string{"cached", "unchecked", "strict"}

// String returns the name on the wire.
func (m StalenessMode) String() string { return enumName("staleness", stalenessNames, uint8(m)) }

// Staleness says for how long an agent may have been cut off and still run a
// command.
type Staleness struct {
	Mode StalenessMode
	// MaxCacheAge is a duration as [ParseDuration] reads it. It is set with
	// StalenessStrict only, and kept as it came.
	MaxCacheAge string
}

// NeverConnected is how long an agent has been cut off that never had a
// connection.
const NeverConnected = time.Duration(math.MaxInt64)

// Allowed is the longest disconnection that s tolerates. Without a strict mode
// it is NeverConnected; an unreadable MaxCacheAge is 0.
func (s Staleness) Allowed() time.Duration {
	if s.Mode != StalenessStrict {
		return NeverConnected
	}
	age, err := ParseDuration(s.MaxCacheAge)
	if err != nil {
		return 0
	}
	return age
}

// Permits reports whether a command may run after a disconnection of length
// observed; 0 while connected, [NeverConnected] before the first connection.
func (s Staleness) Permits(observed time.Duration) bool {
	if s.Mode == StalenessStrict && observed == NeverConnected {
		return false
	}
	return observed <= s.Allowed()
}

func (s Staleness) validate() error {
	if err := checkEnum(stalenessNames, uint8(s.Mode)); err != nil {
		return invalid("staleness", err)
	}
	if s.Mode != StalenessStrict && s.MaxCacheAge != "" {
		return invalid("staleness", errors.New("max_cache_age is set without the strict mode"))
	}
	return checkText("max_cache_age", s.MaxCacheAge)
}

// staleness reads the allowance after the mode is known: any other mode takes
// it for an unknown key.
func (r *reader) staleness() Staleness {
	var s Staleness
	age := -1
	seen := r.object(func(key []byte) {
		switch string(key) {
		case "mode":
			s.Mode = StalenessMode(r.enum(stalenessNames))
			return
		case "max_cache_age":
			age = r.pos
		}
		r.skip()
	})
	r.require(seen, "mode")
	if s.Mode != StalenessStrict || r.broken {
		return s
	}
	if age < 0 {
		r.require(seen, "max_cache_age")
		return s
	}
	s.MaxCacheAge = r.stringAt(age, "max_cache_age")
	return s
}

// stringAt reads the string that was skipped at pos.
func (r *reader) stringAt(pos int, key string) string {
	after := r.pos
	r.pos = pos
	r.path = append(r.path, []byte(key))
	s := r.string()
	r.path = r.path[:len(r.path)-1]
	r.pos = after
	return s
}

func (w *writer) staleness(name string, s Staleness) {
	w.open(name)
	w.string("mode", s.Mode.String())
	if s.Mode == StalenessStrict {
		w.string("max_cache_age", s.MaxCacheAge)
	}
	w.close()
}
