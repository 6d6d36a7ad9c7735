package inventory

import (
	"context"
	"errors"
	"fmt"

	"github.com/kanade-go/kanade/inventory/facts"
)

// Collector finds out what a host is. What it could find out it returns, also
// beside an error. [*Local] and [*Isolated] are collectors.
type Collector interface {
	Collect(ctx context.Context) (facts.Host, error)
}

// ErrBusy is the error of a section whose last collection has not ended, because
// it hangs or was begun a moment ago. Nothing is started beside it.
var ErrBusy = errors.New("its last collection has not ended")

// ErrNameTaken is the error of a section whose name a [WithSection] wanted too.
var ErrNameTaken = errors.New("a second section of this name is refused; give it another name")

// ErrPanic is the error of a section whose collection panicked.
var ErrPanic = errors.New("panic")

// SectionError is why one section is missing or incomplete. A collection joins
// them: errors.As finds the first, [facts.Host.Problems] has them all.
type SectionError struct {
	Section string
	Err     error
}

func (e *SectionError) Error() string {
	return fmt.Sprintf("inventory: collect %s: %v", e.Section, e.Err)
}

func (e *SectionError) Unwrap() error { return e.Err }
