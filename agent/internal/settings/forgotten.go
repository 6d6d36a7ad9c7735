package settings

import (
	"encoding/binary"
	"hash/fnv"
	"maps"
	"slices"
)

// maxForgotten bounds the jobs that are remembered one by one: 128 KiB.
const maxForgotten = 1 << 14

// forgotten are the keys of sticky rows for which there was no room. Nobody knows
// what they would say; of each of them a hash is left, which at worst doubts a key
// too many. The zero value is none. It is replaced, never changed.
type forgotten struct {
	keys map[uint64]struct{}
	all  bool // there are more than these: any key may be one
}

func hashOf(key string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(key)) // never fails
	return h.Sum64()
}

func (f forgotten) any() bool { return f.all || len(f.keys) > 0 }

func (f forgotten) has(key string) bool {
	_, has := f.keys[hashOf(key)]
	return f.all || has
}

func (f forgotten) equal(other forgotten) bool {
	return f.all == other.all && len(f.keys) == len(other.keys) && f.join(other).size() == len(f.keys)
}

func (f forgotten) size() int { return len(f.keys) }

func (f forgotten) join(other forgotten) forgotten {
	joined := forgotten{keys: maps.Clone(f.keys), all: f.all || other.all}
	for h := range other.keys {
		joined.put(h)
	}
	return joined
}

// put is for one that nobody else has.
func (f *forgotten) put(h uint64) {
	if f.keys == nil {
		f.keys = make(map[uint64]struct{})
	}
	if _, has := f.keys[h]; !has && len(f.keys) >= maxForgotten {
		f.all = true
		return
	}
	f.keys[h] = struct{}{}
}

// without returns those that no row of the bucket settles.
func (f forgotten) without(rows map[string]row) forgotten {
	if len(f.keys) == 0 {
		return f
	}
	left := forgotten{keys: maps.Clone(f.keys), all: f.all}
	for key := range rows {
		delete(left.keys, hashOf(key))
	}
	return left
}

// encode is the form on disk.
func (f forgotten) encode() (hashes []byte) {
	for _, h := range slices.Sorted(maps.Keys(f.keys)) {
		hashes = binary.BigEndian.AppendUint64(hashes, h)
	}
	return hashes
}

func decodeForgotten(hashes []byte, all bool) forgotten {
	f := forgotten{all: all}
	for ; len(hashes) >= 8; hashes = hashes[8:] {
		f.put(binary.BigEndian.Uint64(hashes))
	}
	return f
}
