package wire

import "encoding/json"

const (
	// KLPDefaultLines is how many lines a request without a number asks for.
	KLPDefaultLines = 200
	// KLPMaxLines is how many lines are returned at most.
	KLPMaxLines = 1000
)

// KLPLogTail asks for the end of the agent's log.
type KLPLogTail struct{ Lines uint32 }

// DecodeKLPLogTail reads params; none at all ask for [KLPDefaultLines]. The error
// matches [ErrDecode].
func DecodeKLPLogTail(params json.RawMessage) (KLPLogTail, error) {
	q := KLPLogTail{Lines: KLPDefaultLines}
	if len(params) == 0 {
		return q, nil
	}
	r := newReader("klp log_tail", params)
	r.document(func(key []byte) {
		if string(key) == "lines" {
			q.Lines = r.uint32()
			return
		}
		r.skip()
	})
	if r.err != nil {
		return KLPLogTail{}, r.err
	}
	return q, nil
}

// Encode writes params.
func (q KLPLogTail) Encode() []byte {
	w := newWriter(32)
	w.uint("lines", uint64(q.Lines))
	return w.end()
}

// KLPLogLines is the end of the log, the newest line last.
type KLPLogLines struct {
	Lines []string
	// Truncated: more than [KLPMaxLines] were asked for, or they did not fit into a
	// frame.
	Truncated bool
}

// DecodeKLPLogLines reads a result. The error matches [ErrDecode].
func DecodeKLPLogLines(result json.RawMessage) (KLPLogLines, error) {
	var l KLPLogLines
	r := newReader("klp log lines", result)
	seen := r.document(func(key []byte) {
		switch string(key) {
		case "lines":
			l.Lines = list(r, (*reader).string)
		case "truncated":
			l.Truncated = r.bool()
		default:
			r.skip()
		}
	})
	r.require(seen, "lines", "truncated")
	if r.err != nil {
		return KLPLogLines{}, r.err
	}
	return l, nil
}

// Encode writes a result.
func (l KLPLogLines) Encode() []byte {
	size := 64
	for _, line := range l.Lines {
		size += escaped(len(line)) + 3
	}
	w := newWriter(size)
	w.strings("lines", l.Lines)
	w.bool("truncated", l.Truncated)
	return w.end()
}

// Fitting leaves out the oldest lines until the result has at most limit bytes,
// and says so.
func (l KLPLogLines) Fitting(limit int) KLPLogLines {
	room := limit - len(KLPLogLines{}.Encode())
	kept := len(l.Lines)
	for kept > 0 {
		if room -= len(appendString(nil, l.Lines[kept-1])) + 1; room < 0 {
			break
		}
		kept--
	}
	if kept > 0 {
		l.Lines, l.Truncated = l.Lines[kept:], true
	}
	return l
}
