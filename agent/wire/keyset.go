package wire

import "bytes"

// fewKeys is how many keys are compared one by one; objects with more get a map.
const fewKeys = 24

// keySet is the keys of one object.
type keySet struct {
	few  [][]byte
	many map[string]struct{}
}

// add reports whether key is new.
func (s *keySet) add(key []byte) bool {
	if s.contains(key) {
		return false
	}
	if len(s.few) < fewKeys {
		s.few = append(s.few, key)
		return true
	}
	if s.many == nil {
		s.many = make(map[string]struct{})
	}
	s.many[string(key)] = struct{}{}
	return true
}

func (s *keySet) contains(key []byte) bool {
	for _, k := range s.few {
		if bytes.Equal(k, key) {
			return true
		}
	}
	_, ok := s.many[string(key)]
	return ok
}

func (s *keySet) has(name string) bool { return s.contains([]byte(name)) }

// require records the first of names that the object lacks.
func (r *reader) require(seen *keySet, names ...string) {
	for _, name := range names {
		if !seen.has(name) {
			r.failf("field %q is missing", name)
			return
		}
	}
}
