package settings

import (
	"fmt"
	"maps"
	"slices"

	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/retry"
)

// forgotText says what somebody has to do.
var forgotText = fmt.Sprintf("more than %d bytes of revocations vanished from the bucket without having been deleted, and not all "+
	"of them could be kept; commands of the jobs of the others wait: put a row for each job in use", maxKeptBytes)

// makeRoom drops kept rows that are too many, those that have just vanished first,
// and names them: nobody knows from then on whether they are revoked.
func (f *folded) makeRoom() {
	_, kept := sizes(f.rows)
	for _, keys := range [][]string{f.vanished, slices.Sorted(maps.Keys(f.rows))} {
		for _, key := range slices.Backward(keys) {
			if kept <= maxKeptBytes {
				return
			}
			if r := f.rows[key]; r.Kept {
				kept -= r.size(key)
				delete(f.rows, key)
				f.forgot.put(hashOf(key))
			}
		}
	}
}

// restore checks the rows of a snapshot again.
func (p policy) restore(saved map[string]row) (map[string]row, error) {
	live := make(map[string]retry.Entry, len(saved))
	kept := make(map[string]row)
	for key, r := range saved {
		switch {
		case !r.Kept:
			live[key] = retry.Entry{Value: []byte(r.Value), Revision: r.Revision, Created: r.Put}
		case p.isSticky(r) && wire.KeySafe(key) == nil:
			kept[key] = r
		}
	}
	f, err := p.fold(nil, live)
	if err != nil {
		return nil, err
	}
	maps.Copy(f.rows, kept)
	return f.rows, nil
}

// join brings rows of an earlier time into what is in force: the last good ones of
// keys whose newest cannot be used, and the sticky ones.
func (p policy) join(into, earlier map[string]row, bad []badRow) {
	live, _ := sizes(into)
	for _, b := range bad {
		r, was := earlier[b.Key]
		if _, there := into[b.Key]; was && !there && live+r.size(b.Key) <= maxBytes {
			into[b.Key] = r
			live += r.size(b.Key)
		}
	}
	for key, r := range earlier {
		now, there := into[key]
		if p.isSticky(r) && (!there || r.outdates(now.Revision, now.Put)) {
			r.Kept = true
			into[key] = r
		}
	}
}
