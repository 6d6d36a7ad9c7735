package supervise

import (
	"context"
	"fmt"
	"runtime/debug"
)

// PanicError is what a panic inside a task becomes.
type PanicError struct {
	Value any
	Stack []byte
}

func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v\n%s", e.Value, e.Stack) }

// Recover turns a panic of the surrounding function into *err. Use it deferred.
func Recover(err *error) {
	if value := recover(); value != nil {
		*err = &PanicError{Value: value, Stack: debug.Stack()}
	}
}

func protect(ctx context.Context, task Task) (err error) {
	defer Recover(&err)
	if err := task.Run(ctx); err != nil {
		return fmt.Errorf("%s: %w", task.Name, err)
	}
	return nil
}
