package wire

import "encoding/json"

// CheckKLPNoParams accepts what a method without params may be given: nothing,
// or an object. The error matches [ErrDecode].
func CheckKLPNoParams(params json.RawMessage) error {
	if len(params) == 0 {
		return nil
	}
	r := newReader("klp params", params)
	r.document(func([]byte) { r.skip() })
	return r.err
}
