package inventory

import (
	"cmp"
	"errors"
	"strings"

	"github.com/kanade-go/kanade/inventory/facts"
)

// maxPrograms bounds a list. A workstation with everything has 10,000.
const maxPrograms = 100_000

var errTooManyPrograms = errors.New("more than 100000 programs are installed; the rest is left out")

func byName(a, b facts.Program) int {
	return cmp.Or(cmp.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Arch, b.Arch),
		cmp.Compare(a.Version, b.Version), cmp.Compare(a.Source, b.Source), cmp.Compare(a.Scope, b.Scope), cmp.Compare(a.ID, b.ID))
}
