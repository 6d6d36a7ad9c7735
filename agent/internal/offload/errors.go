package offload

import "errors"

var (
	// errTooLarge is a result that no broker takes, with all its output
	// elsewhere.
	errTooLarge = errors.New("too large even without its output")
	// errReplaced is a store that is not the one that has the first chunks.
	errReplaced = errors.New("the store was replaced while the output was sent")
	// errChanged is a file that is not what it was a moment ago.
	errChanged = errors.New("the file has changed while it was read")
)
