package retry

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// errReply says that an answer is not what a server sends. The view stays as it was.
var errReply = errors.New("malformed answer of the server")

// What the server answers to a direct get instead of a message. errTooMany and errUnsupported are not seen outside.
var (
	errNoMessage   = errors.New("no message")                   // 404
	errEndOfBatch  = errors.New("end of batch")                 // 204
	errTooMany     = errors.New("more than 1,024 keys")         // 413
	errUnsupported = errors.New("request not known to server")  // 408: a server before 2.11
	errStatus      = errors.New("unexpected status in a reply") // anything else
)

const (
	kvSubjectPrefix    = "$KV."
	kvOperationHeader  = "KV-Operation"
	markerReasonHeader = "Nats-Marker-Reason"
	numPendingHeader   = "Nats-Num-Pending"
)

// kvMessage is one message of a bucket's stream.
type kvMessage struct {
	subject string
	gone    bool // it marks the end of its key
	entry   Entry
}

func (m kvMessage) mark() KVMark { return m.entry.mark(m.subject) }

// readReply reads one answer to a direct get: a message, or one of the errors above.
func readReply(m *nats.Msg) (kvMessage, error) {
	if m == nil {
		return kvMessage{}, errReply
	}
	if lastHeader(m, jetstream.SequenceHeader) == "" {
		return kvMessage{}, readStatus(m)
	}
	sequence, err := strconv.ParseUint(lastHeader(m, jetstream.SequenceHeader), 10, 64)
	if err != nil || sequence == 0 {
		return kvMessage{}, fmt.Errorf("%w: sequence %s", errReply, quoted(lastHeader(m, jetstream.SequenceHeader)))
	}
	created, err := time.Parse(time.RFC3339Nano, lastHeader(m, jetstream.TimeStampHeaer))
	if err != nil {
		return kvMessage{}, fmt.Errorf("%w: time stamp %s", errReply, quoted(lastHeader(m, jetstream.TimeStampHeaer)))
	}
	subject := lastHeader(m, jetstream.SubjectHeader)
	if subject == "" {
		return kvMessage{}, fmt.Errorf("%w: no subject", errReply)
	}
	return kvMessage{
		subject: subject, gone: isEndOfKey(m), entry: Entry{Value: m.Data, Revision: sequence, Created: created.UTC()},
	}, nil
}

func readStatus(m *nats.Msg) error {
	switch status := lastHeader(m, statusHeader); status {
	case "404":
		return errNoMessage
	case "204":
		return errEndOfBatch
	case "408":
		return errUnsupported
	case "413":
		return errTooMany
	case "":
		return fmt.Errorf("%w: neither a sequence nor a status", errReply)
	default:
		return fmt.Errorf("%w: %s %s", errStatus, quoted(status), quoted(lastHeader(m, "Description")))
	}
}

// pending is how many messages a batch has left over.
func pending(m *nats.Msg) (int, error) {
	n, err := strconv.ParseUint(lastHeader(m, numPendingHeader), 10, 63)
	if err != nil {
		return 0, fmt.Errorf("%w: pending %s", errReply, quoted(lastHeader(m, numPendingHeader)))
	}
	return int(min(n, 1<<31-1)), nil
}

func isEndOfKey(m *nats.Msg) bool {
	switch m.Header.Get(kvOperationHeader) {
	case "DEL", "PURGE":
		return true
	}
	return m.Header.Get(markerReasonHeader) != ""
}

// lastHeader is the last value of a header: the server adds its own after those of the message, which whoever put it chose.
func lastHeader(m *nats.Msg, name string) string {
	values := m.Header[name]
	if len(values) == 0 {
		return ""
	}
	return values[len(values)-1]
}

// keyOf returns the key of a message if it belongs to the bucket and was asked for.
func (m kvMessage) keyOf(bucket string, patterns []string) (string, error) {
	key, found := strings.CutPrefix(m.subject, kvSubjectPrefix+bucket+".")
	if !found || !anyMatches(patterns, key) {
		return "", fmt.Errorf("%w: subject %s", errReply, quoted(m.subject))
	}
	return key, nil
}

// quoted makes text from the wire fit for an error.
func quoted(s string) string { return strconv.Quote(s[:min(len(s), 100)]) }
