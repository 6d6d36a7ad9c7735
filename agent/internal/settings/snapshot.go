package settings

import (
	"maps"
	"slices"
	"time"
)

// snapshot is the rows in force of one bucket.
type snapshot struct {
	Saved time.Time
	Rows  map[string]row
	// Forgot are the kept rows beside these.
	Forgot forgotten
}

// snapshotBody is its form on disk.
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

func (s snapshot) body() snapshotBody {
	body := snapshotBody{Saved: s.Saved.UTC(), Rows: make([]snapshotRow, 0, len(s.Rows))}
	body.Forgot, body.Forgotten, body.ForgotAll = s.Forgot.any(), s.Forgot.encode(), s.Forgot.all
	for _, key := range slices.Sorted(maps.Keys(s.Rows)) {
		r := s.Rows[key]
		body.Rows = append(body.Rows, snapshotRow{Key: key, Value: r.Value, Revision: r.Revision, Put: r.Put.UTC(), Kept: r.Kept})
	}
	return body
}

func (b snapshotBody) snapshot() snapshot {
	s := snapshot{Saved: b.Saved, Rows: make(map[string]row, len(b.Rows))}
	s.Forgot = decodeForgotten(b.Forgotten, b.ForgotAll || b.Forgot && len(b.Forgotten) == 0)
	for _, r := range b.Rows {
		s.Rows[r.Key] = row{Value: r.Value, Revision: r.Revision, Put: r.Put, Kept: r.Kept}
	}
	return s
}
