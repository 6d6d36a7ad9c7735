package wire

import "errors"

var (
	// ErrDecode is wrapped by every error of a Decode function.
	ErrDecode = errors.New("wire: decode")
	// ErrInvalid is wrapped by every problem that a Validate function, a parser
	// or an encoder finds.
	ErrInvalid = errors.New("wire: invalid")
)
