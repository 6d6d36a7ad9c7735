package offload

import "errors"

var (
	// errTooLarge is a result that no broker takes, with all its output
	// elsewhere.
	errTooLarge = errors.New("too large even without its output")
	// errIncomplete is an object of which the store has not every chunk.
	errIncomplete = errors.New("the store does not have every chunk of an object")
	// errChanged is a file that is not what it was a moment ago.
	errChanged = errors.New("the file has changed while it was read")
)
