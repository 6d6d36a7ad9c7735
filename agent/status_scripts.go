package agent

import "github.com/kanade-go/kanade/agent/internal/scripts"

// ScriptStatus is the state of the script objects that are kept on this host, and
// what was done with them since the start.
type ScriptStatus struct {
	Files int   `json:"files"` // on disk
	Bytes int64 `json:"bytes"` // on disk

	Hits    uint64 `json:"hits"`    // handed out
	Fetched uint64 `json:"fetched"` // from the broker
	Refused uint64 `json:"refused"` // missing, too large, of another digest, or no text
	Damaged uint64 `json:"damaged"` // found so on disk, and fetched again
	Evicted uint64 `json:"evicted"` // removed to make room

	// NotKept: the last one that was fetched could not be kept on disk.
	NotKept bool `json:"not_kept,omitempty"`
}

func scriptStatus(s scripts.Status) ScriptStatus {
	return ScriptStatus{
		Files: s.Files, Bytes: s.Bytes, Hits: s.Hits, Fetched: s.Fetched,
		Refused: s.Refused, Damaged: s.Damaged, Evicted: s.Evicted, NotKept: s.NotKept,
	}
}
