package settings

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// snapshotFormat is what this release writes, and the newest that it reads.
const snapshotFormat = 1

// maxSnapshot bounds a file that is read. It is what maxBytes come to when each
// of them is escaped; kept rows hold nothing that is.
const maxSnapshot = 64 << 20

var (
	errDamaged  = errors.New("settings: snapshot is damaged")
	errForeign  = errors.New("settings: snapshot belongs to another host or bucket")
	errNewer    = errors.New("settings: snapshot was written by a newer release")
	errTooLarge = errors.New("settings: snapshot is too large")
	// errUnreadable: what is in it is not known, so it must not be replaced.
	errUnreadable = errors.New("settings: snapshot cannot be read")
)

// snapshot is the rows in force of one bucket.
type snapshot struct {
	PCID   string
	Bucket string
	Saved  time.Time
	Rows   map[string]row
	// Forgot are the kept rows beside these.
	Forgot forgotten
}

// snapshotFile is its form on disk. The sum is over the bytes of Body.
type snapshotFile struct {
	Format int             `json:"format"`
	SHA256 string          `json:"sha256"`
	Body   json.RawMessage `json:"body"`
}

type snapshotBody struct {
	PCID   string        `json:"pc_id"`
	Bucket string        `json:"bucket"`
	Saved  time.Time     `json:"saved"`
	Rows   []snapshotRow `json:"rows"` // by key
	// Forgot alone, as releases before Forgotten wrote it, means any.
	Forgot    bool   `json:"forgot,omitempty"`
	Forgotten []byte `json:"forgotten,omitempty"` // hashes of 8 bytes
	ForgotAll bool   `json:"forgot_all,omitempty"`
}

type snapshotRow struct {
	Key      string    `json:"key"`
	Value    string    `json:"value"`
	Revision uint64    `json:"revision"`
	Put      time.Time `json:"put,omitzero"`
	Kept     bool      `json:"kept,omitempty"`
}

func (s snapshot) encode() ([]byte, error) {
	body := snapshotBody{PCID: s.PCID, Bucket: s.Bucket, Saved: s.Saved.UTC(), Rows: make([]snapshotRow, 0, len(s.Rows))}
	body.Forgot, body.Forgotten, body.ForgotAll = s.Forgot.any(), s.Forgot.encode(), s.Forgot.all
	for _, key := range slices.Sorted(maps.Keys(s.Rows)) {
		r := s.Rows[key]
		body.Rows = append(body.Rows, snapshotRow{Key: key, Value: r.Value, Revision: r.Revision, Put: r.Put.UTC(), Kept: r.Kept})
	}
	raw, err := json.Marshal(body)
	if err != nil {
		return nil, fmt.Errorf("settings: encode snapshot: %w", err)
	}
	data, err := json.Marshal(snapshotFile{Format: snapshotFormat, SHA256: sumOf(raw), Body: raw})
	if err != nil {
		return nil, fmt.Errorf("settings: encode snapshot: %w", err)
	}
	return append(data, '\n'), nil
}

func sumOf(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

// decodeSnapshot reads what encode wrote. The error is errDamaged or errNewer.
func decodeSnapshot(data []byte) (snapshot, error) {
	var file snapshotFile
	if err := json.Unmarshal(data, &file); err != nil {
		return snapshot{}, fmt.Errorf("%w: %w", errDamaged, err)
	}
	switch {
	case file.Format > snapshotFormat:
		return snapshot{}, fmt.Errorf("%w: format %d; this release reads %d", errNewer, file.Format, snapshotFormat)
	case file.Format < 1:
		return snapshot{}, fmt.Errorf("%w: no format", errDamaged)
	case file.SHA256 != sumOf(file.Body):
		return snapshot{}, fmt.Errorf("%w: the sum is wrong", errDamaged)
	}
	var body snapshotBody
	if err := json.Unmarshal(file.Body, &body); err != nil {
		return snapshot{}, fmt.Errorf("%w: %w", errDamaged, err)
	}
	s := snapshot{PCID: body.PCID, Bucket: body.Bucket, Saved: body.Saved, Rows: make(map[string]row, len(body.Rows))}
	s.Forgot = decodeForgotten(body.Forgotten, body.ForgotAll || body.Forgot && len(body.Forgotten) == 0)
	for _, r := range body.Rows {
		s.Rows[r.Key] = row{Value: r.Value, Revision: r.Revision, Put: r.Put, Kept: r.Kept}
	}
	return s, nil
}
