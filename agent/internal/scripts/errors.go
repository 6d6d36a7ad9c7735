package scripts

import "errors"

// Why a script cannot be had, whoever tries again.
var (
	// ErrName says that no object can be found under this name or no file under this digest.
	ErrName = errors.New("unusable name or digest")
	// ErrMissing says that the store has no such object.
	ErrMissing = errors.New("not in the object store")
	// ErrDigest says that the object in the store is another one, or damaged.
	ErrDigest = errors.New("wrong digest")
	// ErrTooLarge says that the object has more bytes than a script may have.
	ErrTooLarge = errors.New("too large")
	// ErrNotText says that the object is not valid UTF-8.
	ErrNotText = errors.New("not UTF-8")
)

// ErrNotKept says that a script is here, but not on disk.
var ErrNotKept = errors.New("scripts: not kept on disk")
