package wire

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// SplitInventory makes of a whole section the messages that it is sent in: itself
// if it has at most limit bytes when it is encoded, or else as few parts as it
// takes. It needs no more than [MaxInventoryParts], or the error matches
// [ErrInvalid].
func SplitInventory(s InventorySection, limit int) ([]InventorySection, error) {
	s.Part, s.Parts = 1, 1
	if len(s.Encode()) <= limit {
		return []InventorySection{s}, nil
	}
	empty := s
	empty.Part, empty.Parts, empty.Data = MaxInventoryParts, MaxInventoryParts, nil
	pieces := cutText(strings.ToValidUTF8(string(s.Data), replacement), limit-len(empty.Encode()))
	if len(pieces) == 0 || len(pieces) > MaxInventoryParts {
		return nil, invalid("section", fmt.Errorf("%s has %d bytes, which do not fit into %d messages of at most %d bytes",
			s.Section, len(s.Data), MaxInventoryParts, limit))
	}
	parts := make([]InventorySection, len(pieces))
	for i, piece := range pieces {
		parts[i] = s
		parts[i].Part, parts[i].Parts, parts[i].Data = uint32(i+1), uint32(len(pieces)), []byte(piece)
	}
	return parts, nil
}

// cutText cuts between characters. A piece takes at most room bytes in JSON. There
// are none if not even one character has room.
func cutText(text string, room int) (pieces []string) {
	if room < longestEscape {
		return nil
	}
	start, used := 0, 0
	for i, r := range text {
		size := escapedLen(r)
		if used+size > room {
			pieces = append(pieces, text[start:i])
			start, used = i, 0
		}
		used += size
	}
	return append(pieces, text[start:])
}

const longestEscape = len(`\u0000`)

// escapedLen is at least what a character takes in a string of JSON.
func escapedLen(r rune) int {
	switch {
	case r == '"' || r == '\\':
		return 2
	case r < ' ' || r == 0x7f:
		return longestEscape
	}
	return utf8.RuneLen(r)
}

// JoinInventory makes a whole section of its parts, which may come in any order.
// They are those messages that have the same PCID, Section, Hash and CollectedAt.
// While a part is missing, and if they do not belong together, the error matches
// [ErrInvalid].
func JoinInventory(parts []InventorySection) (InventorySection, error) {
	parts = slices.Clone(parts)
	slices.SortFunc(parts, func(a, b InventorySection) int { return int(a.Part) - int(b.Part) })
	var data []byte
	for i, p := range parts {
		if !p.belongsTo(parts[0]) || int(p.Part) != i+1 || int(p.Parts) != len(parts) {
			return InventorySection{}, invalid("parts", fmt.Errorf("part %d of %d of section %q is not the %d. of %d of one collection",
				p.Part, p.Parts, p.Section, i+1, len(parts)))
		}
		data = append(data, p.Data...)
	}
	if !json.Valid(data) {
		return InventorySection{}, invalid("parts", errors.New("together they are no JSON"))
	}
	whole := parts[0]
	whole.Parts, whole.Data = 1, data
	return whole, nil
}

func (s InventorySection) belongsTo(o InventorySection) bool {
	return s.PCID == o.PCID && s.Section == o.Section && s.Hash == o.Hash && s.CollectedAt.Equal(o.CollectedAt)
}
