package command

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"sync"
	"time"
)

// op is what a journal line says about its command.
type op string

const (
	opAccept  op = "accept"  // recorded, may run
	opVerdict op = "verdict" // recorded with the result it gets instead of a run
	opStart   op = "start"   // from here it never runs again
	opFinish  op = "finish"  // its result is in the outbox
	opHold    op = "hold"    // marked as started, but not started after all
	opStamp   op = "stamp"   // the stream's time stamp, learned after the finish
	opForget  op = "forget"  // its request ID is free again
	opDone    op = "done"    // accept and finish in one, written by a compaction
	opClose   op = "close"   // of no command: all lines before it are durable
)

// line is one journal entry. The first of a command carries what the others
// do not repeat.
type line struct {
	Op    op        `json:"op"`
	Key   Key       `json:"key"`
	Sum   *Sum      `json:"sum,omitempty"`
	Local bool      `json:"local,omitempty"`
	Stamp time.Time `json:"stamp,omitzero"`
	At    time.Time `json:"at,omitzero"`
	Due   time.Time `json:"due,omitzero"`
	Body  []byte    `json:"body,omitempty"`
	// Result is the payload that goes into the outbox for a verdict.
	Result []byte `json:"result,omitempty"`
	// Attempt counts the starts of a command that may run again.
	Attempt int `json:"attempt,omitempty"`
}

// errTorn marks a line that was not written to its end, or not as it is.
var errTorn = errors.New("torn journal line")

// castagnoli takes a moment to make, which a start need not wait for.
var castagnoli = sync.OnceValue(func() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) })

// maxLine bounds what is written and read as one line: a command of NATS's
// largest payload (64 MiB) in base64, with room for the rest. Only tests change it.
var maxLine = 96 << 20

var errLineTooLong = fmt.Errorf("command: a command or result of this size does not fit a ledger line of %d bytes", maxLine)

const sumWidth = 8 // hex digits of the checksum in front of each line

// encode returns the line as it stands in the file: checksum, blank, JSON,
// newline.
func (l line) encode() ([]byte, error) {
	body, err := json.Marshal(l)
	if err != nil {
		return nil, fmt.Errorf("command: encode ledger line: %w", err)
	}
	if len(body)+sumWidth+2 > maxLine {
		return nil, errLineTooLong
	}
	out := make([]byte, 0, sumWidth+len(body)+2)
	out = fmt.Appendf(out, "%08x ", crc32.Checksum(body, castagnoli()))
	out = append(out, body...)
	return append(out, '\n'), nil
}

// decodeLine reads what encode wrote, without the newline.
func decodeLine(raw []byte) (line, error) {
	if len(raw) < sumWidth+1 || raw[sumWidth] != ' ' {
		return line{}, errTorn
	}
	var sum [4]byte
	if _, err := hex.Decode(sum[:], raw[:sumWidth]); err != nil {
		return line{}, errTorn
	}
	body := raw[sumWidth+1:]
	want := uint32(sum[0])<<24 | uint32(sum[1])<<16 | uint32(sum[2])<<8 | uint32(sum[3])
	if crc32.Checksum(body, castagnoli()) != want {
		return line{}, errTorn
	}
	var l line
	decoder := json.NewDecoder(bytes.NewReader(body))
	if err := decoder.Decode(&l); err != nil {
		return line{}, fmt.Errorf("%w: %w", errTorn, err)
	}
	return l, nil
}

// Key identifies a command on this host: the SHA-256 of pc_id and request ID.
type Key [32]byte

// Sum is the SHA-256 of a command's bytes as received.
type Sum [32]byte

func (k Key) MarshalText() ([]byte, error)  { return hexText(k[:]), nil }
func (k *Key) UnmarshalText(b []byte) error { return unhexText(k[:], b) }
func (s Sum) MarshalText() ([]byte, error)  { return hexText(s[:]), nil }
func (s *Sum) UnmarshalText(b []byte) error { return unhexText(s[:], b) }

func hexText(b []byte) []byte { return hex.AppendEncode(nil, b) }

func unhexText(dst, text []byte) error {
	if len(text) != hex.EncodedLen(len(dst)) {
		return fmt.Errorf("want %d hex digits, got %d", hex.EncodedLen(len(dst)), len(text))
	}
	_, err := hex.Decode(dst, text)
	return err
}
