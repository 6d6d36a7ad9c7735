package statefile

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
)

// format is what this release writes, and the newest that it reads.
const format = 1

// envelope is the form on disk. The sum is over the bytes of Body.
type envelope struct {
	Format int             `json:"format"`
	PCID   string          `json:"pc_id,omitempty"`
	SHA256 string          `json:"sha256"`
	Body   json.RawMessage `json:"body"`
}

func seal(pcID string, body any) ([]byte, error) {
	raw, err := json.Marshal(body)
	if err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}
	data, err := json.Marshal(envelope{Format: format, PCID: pcID, SHA256: sumOf(raw), Body: raw})
	if err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}
	return append(data, '\n'), nil
}

// open reads what seal wrote. The error is ErrDamaged, ErrNewer or ErrForeign.
func open(data []byte, pcID string, body any) error {
	var e envelope
	if err := json.Unmarshal(data, &e); err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	switch {
	case e.Format > format:
		return fmt.Errorf("%w: format %d; this release reads %d", ErrNewer, e.Format, format)
	case e.Format < 1:
		return fmt.Errorf("%w: no format", ErrDamaged)
	case e.SHA256 != sumOf(e.Body):
		return fmt.Errorf("%w: the sum is wrong", ErrDamaged)
	case pcID != "" && e.PCID != pcID:
		return fmt.Errorf("%w: %.80q", ErrForeign, e.PCID)
	}
	if err := json.Unmarshal(e.Body, body); err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return nil
}

func sumOf(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}
