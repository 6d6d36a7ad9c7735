package wire

// LogsRequest asks for the end of a host's log. The reply is the text itself.
type LogsRequest struct {
	// TailLines is how many lines are wanted. Default: 500.
	TailLines uint32
}

const (
	// DefaultTailLines is what a request without a number asks for.
	DefaultTailLines = 500
	// MaxLogReply is how large a reply is at most, in bytes. What is too much is
	// cut off at the front.
	MaxLogReply = 819_200
	// LogErrorPrefix begins a reply that says why there is no log.
	LogErrorPrefix = "logs.fetch: "
)

// DecodeLogsRequest reads a request. The error matches [ErrDecode]; the request
// is the default one then, which is what a host answers.
func DecodeLogsRequest(data []byte) (LogsRequest, error) {
	r := newReader("logs request", data)
	q := LogsRequest{TailLines: DefaultTailLines}
	r.document(func(key []byte) {
		if string(key) == "tail_lines" {
			q.TailLines = r.uint32()
			return
		}
		r.skip()
	})
	if r.err != nil {
		return LogsRequest{TailLines: DefaultTailLines}, r.err
	}
	return q, nil
}

// Encode writes the request.
func (q LogsRequest) Encode() []byte {
	w := newWriter(32)
	w.uint("tail_lines", uint64(q.TailLines))
	return w.end()
}
