package wire

import "fmt"

// KLPErrorKind names what went wrong. Code and text belong to the kind.
type KLPErrorKind string

// The kinds.
const (
	KLPParseError        KLPErrorKind = "ParseError"        // not JSON
	KLPInvalidRequest    KLPErrorKind = "InvalidRequest"    // not a message, or no handshake yet
	KLPMethodNotFound    KLPErrorKind = "MethodNotFound"    // unknown, or not served by this release
	KLPInvalidParams     KLPErrorKind = "InvalidParams"     // params do not fit the method
	KLPInternalError     KLPErrorKind = "InternalError"     // the agent could not answer
	KLPUnauthorized      KLPErrorKind = "Unauthorized"      // not for this user
	KLPNotFound          KLPErrorKind = "NotFound"          // no such subscription
	KLPAgentDisconnected KLPErrorKind = "AgentDisconnected" // reserved
	KLPRateLimit         KLPErrorKind = "RateLimit"         // too many requests or clients
	KLPStaleProtocol     KLPErrorKind = "StaleProtocol"     // no version in common
	KLPPayloadTooLarge   KLPErrorKind = "PayloadTooLarge"   // a frame above [KLPMaxBody]
)

var klpErrors = []struct {
	kind    KLPErrorKind
	code    int32
	message string
}{
	{KLPParseError, -32700, "Parse error"},
	{KLPInvalidRequest, -32600, "Invalid Request"},
	{KLPMethodNotFound, -32601, "Method not found"},
	{KLPInvalidParams, -32602, "Invalid params"},
	{KLPInternalError, -32603, "Internal error"},
	{KLPUnauthorized, -32000, "Unauthorized"},
	{KLPNotFound, -32001, "Not found"},
	{KLPAgentDisconnected, -32002, "Agent disconnected from broker"},
	{KLPRateLimit, -32003, "Rate limit exceeded"},
	{KLPStaleProtocol, -32004, "Stale protocol version"},
	{KLPPayloadTooLarge, -32005, "Payload too large"},
}

// KLPError is the error of a response.
type KLPError struct {
	Kind   KLPErrorKind
	Detail string // for people
}

func klpInvalid(format string, args ...any) *KLPError {
	return &KLPError{Kind: KLPInvalidRequest, Detail: fmt.Sprintf(format, args...)}
}

// Error makes it an error.
func (e *KLPError) Error() string { return fmt.Sprintf("klp %s: %s", e.Kind, e.Detail) }

// Code is the number of the kind; an unknown kind has that of an internal error.
func (e *KLPError) Code() int32 {
	code, _ := e.Kind.wire()
	return code
}

func (k KLPErrorKind) wire() (code int32, message string) {
	for _, known := range klpErrors {
		if known.kind == k {
			return known.code, known.message
		}
	}
	return KLPInternalError.wire()
}

func (e *KLPError) write(w *writer) {
	code, message := e.Kind.wire()
	w.int32("code", code)
	w.string("message", message)
	w.open("data")
	w.string("kind", string(e.Kind))
	w.string("detail", e.Detail)
	w.close()
}

// decodeKLPError takes an error without data too, as other servers send it.
func decodeKLPError(data []byte) (e KLPError, err error) {
	r := newReader("klp error", data)
	var code int32
	seen := r.document(func(key []byte) {
		switch string(key) {
		case "code":
			code = r.int32()
		case "message":
			if message := r.string(); e.Detail == "" {
				e.Detail = message
			}
		case "data":
			e.readData(r)
		default:
			r.skip()
		}
	})
	r.require(seen, "code", "message")
	if e.Kind == "" {
		e.Kind = klpKind(code)
	}
	return e, r.err
}

func (e *KLPError) readData(r *reader) {
	if !r.optional() {
		return
	}
	seen := r.object(func(key []byte) {
		switch string(key) {
		case "kind":
			e.Kind = KLPErrorKind(r.string())
		case "detail":
			e.Detail = r.optString()
		default:
			r.skip()
		}
	})
	r.require(seen, "kind")
}

func klpKind(code int32) KLPErrorKind {
	for _, known := range klpErrors {
		if known.code == code {
			return known.kind
		}
	}
	return KLPInternalError
}
