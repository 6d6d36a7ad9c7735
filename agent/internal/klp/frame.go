package klp

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/kanade-go/kanade/agent/wire"
)

const headerSize = 4

var errTooLarge = errors.New("klp: frame is too large")

// bodySize says how many bytes follow a header.
func bodySize(header [headerSize]byte) (int, error) {
	n := binary.LittleEndian.Uint32(header[:])
	if n > wire.KLPMaxBody {
		return 0, fmt.Errorf("%w: %d bytes, at most %d are taken", errTooLarge, n, wire.KLPMaxBody)
	}
	return int(n), nil
}

// firstRoom is what is set aside for a body before any of it has come: a header
// alone is cheap.
const firstRoom = 4 << 10

// readBody reads n bytes. Memory follows what comes in.
func readBody(r io.Reader, n int) ([]byte, error) {
	body := make([]byte, min(n, firstRoom))
	for filled := 0; ; {
		if _, err := io.ReadFull(r, body[filled:]); err != nil {
			return nil, unexpected(err)
		}
		if len(body) == n {
			return body, nil
		}
		filled = len(body)
		body = append(body, make([]byte, min(n-filled, filled))...)
	}
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// frame puts a header before a body.
func frame(body []byte) ([]byte, error) {
	if len(body) > wire.KLPMaxBody {
		return nil, fmt.Errorf("%w: %d bytes, at most %d are sent", errTooLarge, len(body), wire.KLPMaxBody)
	}
	whole := binary.LittleEndian.AppendUint32(make([]byte, 0, headerSize+len(body)), uint32(len(body)))
	return append(whole, body...), nil
}
