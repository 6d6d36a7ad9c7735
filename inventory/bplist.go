package inventory

import (
	"encoding/binary"
	"math"
	"time"
	"unicode/utf16"
)

// binaryReader reads the format that CFBinaryPList.c of Apple's CoreFoundation
// describes.
type binaryReader struct {
	data    []byte
	offsets []byte // of the objects, in the size below each
	size    int
	refSize int
	count   uint64
	left    int
}

func binaryPlist(data []byte) (any, error) {
	const trailer = 32
	if len(data) < 8+trailer {
		return nil, errPlist
	}
	end := data[len(data)-trailer:]
	r := &binaryReader{data: data[:len(data)-trailer], size: int(end[6]), refSize: int(end[7]), count: binary.BigEndian.Uint64(end[8:]), left: maxPlistValues}
	top, table := binary.BigEndian.Uint64(end[16:]), binary.BigEndian.Uint64(end[24:])
	if r.size < 1 || r.size > 8 || r.refSize < 1 || r.refSize > 8 || table > uint64(len(r.data)) || r.count > (uint64(len(r.data))-table)/uint64(r.size) {
		return nil, errPlist
	}
	r.offsets = r.data[table:]
	return r.object(top, 0)
}

func bigEndian(b []byte) uint64 {
	var n uint64
	for _, c := range b {
		n = n<<8 | uint64(c)
	}
	return n
}

// part is so many bytes at a place, if they are there.
func (r *binaryReader) part(at, size uint64) ([]byte, error) {
	if at > uint64(len(r.data)) || size > uint64(len(r.data))-at {
		return nil, errPlist
	}
	return r.data[at : at+size], nil
}

func (r *binaryReader) object(number uint64, depth int) (any, error) {
	if r.left--; r.left < 0 || depth > maxPlistDepth || number >= r.count {
		return nil, errPlist
	}
	at := bigEndian(r.offsets[number*uint64(r.size):][:r.size])
	head, err := r.part(at, 1)
	if err != nil {
		return nil, err
	}
	kind, length := head[0]>>4, uint64(head[0]&0x0f)
	at++
	switch kind {
	case 0x0:
		return length == 9, nil // true; else false, null, fill
	case 0x1, 0x2, 0x3:
		return r.fixed(kind, at, 1<<length)
	case 0x8: // of archives
		return r.fixed(0x1, at, length+1)
	}
	if length == 0x0f {
		if length, at, err = r.long(at); err != nil {
			return nil, err
		}
	}
	return r.sized(kind, at, length, depth)
}

// long is a length that does not fit the head of an object: an integer behind it.
func (r *binaryReader) long(at uint64) (length, next uint64, err error) {
	head, err := r.part(at, 1)
	if err != nil || head[0]>>4 != 0x1 || head[0]&0x0f > 3 {
		return 0, 0, errPlist
	}
	size := uint64(1) << (head[0] & 0x0f)
	b, err := r.part(at+1, size)
	return bigEndian(b), at + 1 + size, err
}

// fixed is an integer, real or date.
func (r *binaryReader) fixed(kind byte, at, size uint64) (any, error) {
	b, err := r.part(at, size)
	if err != nil {
		return nil, err
	}
	if kind == 0x1 {
		return int64(bigEndian(b[len(b)-min(len(b), 8):])), nil
	}
	var f float64
	switch size {
	case 4:
		f = float64(math.Float32frombits(uint32(bigEndian(b))))
	case 8:
		f = math.Float64frombits(bigEndian(b))
	default:
		return nil, errPlist
	}
	if kind == 0x3 {
		return appleTime(f)
	}
	return f, nil
}

// appleTime is so many seconds after 2001.
func appleTime(seconds float64) (any, error) {
	if math.IsNaN(seconds) || math.Abs(seconds) > 1<<36 {
		return nil, errPlist
	}
	const epoch = 978_307_200 // of 2001, in Unix seconds
	return time.Unix(epoch+int64(seconds), 0).UTC(), nil
}

func (r *binaryReader) sized(kind byte, at, length uint64, depth int) (any, error) {
	switch kind {
	case 0x4:
		return r.part(at, length)
	case 0x5:
		b, err := r.part(at, length)
		return string(b), err
	case 0x6:
		if length > uint64(len(r.data)) {
			return nil, errPlist
		}
		b, err := r.part(at, 2*length)
		return utf16BE(b), err
	case 0xa, 0xc: // array, set
		return r.array(at, length, depth)
	case 0xd:
		return r.dict(at, length, depth)
	}
	return nil, errPlist
}

func utf16BE(b []byte) string {
	letters := make([]uint16, len(b)/2)
	for i := range letters {
		letters[i] = binary.BigEndian.Uint16(b[2*i:])
	}
	return string(utf16.Decode(letters))
}

func (r *binaryReader) array(at, length uint64, depth int) ([]any, error) {
	refs, err := r.refs(at, length)
	if err != nil {
		return nil, err
	}
	all := make([]any, len(refs))
	for i, ref := range refs {
		if all[i], err = r.object(ref, depth+1); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func (r *binaryReader) dict(at, length uint64, depth int) (dict, error) {
	keys, err := r.refs(at, length)
	if err != nil {
		return nil, err
	}
	values, err := r.refs(at+length*uint64(r.refSize), length)
	if err != nil {
		return nil, err
	}
	d := make(dict, len(keys))
	for i, ref := range keys {
		key, err := r.object(ref, depth+1)
		if err != nil {
			return nil, err
		}
		name, ok := key.(string)
		if !ok {
			return nil, errPlist
		}
		if d[name], err = r.object(values[i], depth+1); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// refs are the numbers of the objects that another one holds.
func (r *binaryReader) refs(at, length uint64) ([]uint64, error) {
	if length > uint64(len(r.data)) || length > uint64(max(r.left, 0)) {
		return nil, errPlist
	}
	b, err := r.part(at, length*uint64(r.refSize))
	if err != nil {
		return nil, err
	}
	refs := make([]uint64, length)
	for i := range refs {
		refs[i] = bigEndian(b[i*r.refSize:][:r.refSize])
	}
	return refs, nil
}
