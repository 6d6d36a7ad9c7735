package inventory

import (
	"cmp"
	"time"

	"github.com/kanade-go/kanade/inventory/facts"
)

func bySession(a, b facts.Session) int {
	return cmp.Or(cmp.Compare(a.User, b.User), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Client, b.Client), since(a).Compare(since(b)))
}

func since(s facts.Session) time.Time {
	if s.Since == nil {
		return time.Time{}
	}
	return *s.Since
}
