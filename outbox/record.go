package outbox

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/nats-io/nats.go"
)

// maxName bounds [Record].Name; longer than any ID in use, short enough to be
// kept in memory for every Put under way.
const maxName = 1024

// Record is one message that waits for its delivery.
type Record struct {
	// Name identifies the record among the pending ones and gives its file
	// name (see the package comment). Empty: [Outbox.Put] makes a random one
	// of 32 hex digits.
	Name string
	// MsgID is sent as the Nats-Msg-Id header, by which the broker drops what
	// it has already stored within its window (2 minutes by default). Empty:
	// Put makes a random one.
	MsgID string
	// Subject is a NATS subject without wildcards. A [Codec] may derive it, then
	// it can be empty in a Put.
	Subject string
	// Header is sent with the message. Nil is fine.
	Header nats.Header
	// Data is the payload.
	Data []byte
	// Queued is the time of the Put; zero: now. After a Decode that leaves it
	// zero it is the file's modification time.
	Queued time.Time
}

// Codec is the form of the files: how a record becomes bytes, and what bytes
// found in the folder mean. It is called from several goroutines at once.
type Codec interface {
	// Encode writes the whole file.
	Encode(w io.Writer, r Record) error
	// Decode reads a file back. name is the file's name without ".json"; it is
	// a name that was found in the folder and must not be trusted. An error
	// means that the file is no record of this codec; it is kept and counted
	// in [Stats].Corrupt. Errors of file itself are recognised as such and
	// tried again. What Decode leaves empty of Name becomes name.
	Decode(name string, file io.Reader) (Record, error)
}

// checkName refuses what cannot be a name at all; any other name is fit, if
// need be through its hash.
func checkName(name string) error {
	if len(name) > maxName || !utf8.ValidString(name) {
		return fmt.Errorf("%w: the name is not UTF-8 or has more than %d bytes", ErrBadRecord, maxName)
	}
	return nil
}

// checkMessage refuses what would break the protocol line of a publish, or
// could never be stored.
func checkMessage(r Record) error {
	if !plainSubject(r.Subject) {
		return fmt.Errorf("%w: subject %.80q is not a plain subject", ErrBadRecord, r.Subject)
	}
	for key := range r.Header {
		if !token(key) {
			return fmt.Errorf("%w: header name %.80q is not a token", ErrBadRecord, key)
		}
	}
	return nil
}

// plainSubject tells whether s can be published to: tokens that are not empty
// and no wildcards, with dots between them, no blanks, no control characters.
func plainSubject(s string) bool {
	for part := range strings.SplitSeq(s, ".") {
		if part == "" || part == "*" || part == ">" {
			return false
		}
	}
	return !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r == 0x7f })
}

func token(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r == ':' || r >= 0x7f })
}
