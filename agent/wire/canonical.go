package wire

import (
	"bytes"
	"math"
	"slices"
	"strconv"
)

// canonical appends the next value in the form that free values have on the
// wire: no blanks, keys sorted by their bytes, one way to write a number. After
// a problem the result is worthless.
func (r *reader) canonical(dst []byte) []byte {
	switch c := r.peek(); {
	case r.broken:
	case c == '{':
		return r.canonicalObject(dst)
	case c == '[':
		return r.canonicalArray(dst)
	case c == '"':
		text, _ := r.text()
		return appendString(dst, string(text))
	case c == '-' || c >= '0' && c <= '9':
		return r.canonicalNumber(dst)
	default:
		return append(dst, r.literal()...)
	}
	return dst
}

func (r *reader) canonicalArray(dst []byte) []byte {
	dst = append(dst, '[')
	start := len(dst)
	r.array(func() {
		dst = append(r.canonical(dst), ',')
	})
	return closeList(dst, start, ']')
}

// member is one key of an object and where dst has it, comma included.
type member struct {
	key      []byte
	from, to int
}

func compareMembers(a, b member) int { return bytes.Compare(a.key, b.key) }

// canonicalObject writes the members in their order and sorts them afterwards
// when need be, so that most objects are copied once.
func (r *reader) canonicalObject(dst []byte) []byte {
	dst = append(dst, '{')
	start := len(dst)
	var members []member
	r.object(func(key []byte) {
		m := member{key: key, from: len(dst)}
		dst = append(appendString(dst, string(key)), ':')
		dst = append(r.canonical(dst), ',')
		m.to = len(dst)
		members = append(members, m)
	})
	if !slices.IsSortedFunc(members, compareMembers) {
		sortMembers(dst[start:], start, members)
	}
	return closeList(dst, start, '}')
}

// sortMembers puts the members that fill list, which is at offset of what they
// count from, in order.
func sortMembers(list []byte, offset int, members []member) {
	unsorted := slices.Clone(list)
	slices.SortFunc(members, compareMembers)
	list = list[:0]
	for _, m := range members {
		list = append(list, unsorted[m.from-offset:m.to-offset]...)
	}
}

// closeList replaces the last element's comma.
func closeList(dst []byte, start int, closing byte) []byte {
	if len(dst) > start {
		dst = dst[:len(dst)-1]
	}
	return append(dst, closing)
}

// canonicalNumber keeps whole numbers of 64 bits as they are; any other number
// is a float.
func (r *reader) canonicalNumber(dst []byte) []byte {
	lit := string(r.number())
	if r.broken {
		return dst
	}
	if _, err := strconv.ParseInt(lit, 10, 64); err == nil && lit != "-0" {
		return append(dst, lit...)
	}
	if _, err := strconv.ParseUint(lit, 10, 64); err == nil {
		return append(dst, lit...)
	}
	f, err := strconv.ParseFloat(lit, 64)
	if err != nil || math.IsInf(f, 0) {
		r.failf("expected a number that fits 64 bits, found %s", clip(lit))
		return dst
	}
	return appendFloat(dst, f)
}

// appendFloat writes the fewest digits that read back as f, always with a
// decimal point or an exponent: plainly from 1e-5 up to below 1e16.
func appendFloat(dst []byte, f float64) []byte {
	if size := math.Abs(f); size != 0 && (size < 1e-5 || size >= 1e16) {
		return appendExponent(dst, f)
	}
	start := len(dst)
	dst = strconv.AppendFloat(dst, f, 'f', -1, 64)
	if !bytes.ContainsRune(dst[start:], '.') {
		dst = append(dst, ".0"...)
	}
	return dst
}

// appendExponent writes 1.5e-7 and 1e21 where the standard library writes
// 1.5e-07 and 1e+21.
func appendExponent(dst []byte, f float64) []byte {
	text := strconv.AppendFloat(nil, f, 'e', -1, 64)
	mark := bytes.IndexByte(text, 'e')
	dst = append(dst, text[:mark+1]...)
	if text[mark+1] == '-' {
		dst = append(dst, '-')
	}
	return append(dst, bytes.TrimLeft(text[mark+2:], "0")...)
}
