package agent

import (
	"fmt"
	"path/filepath"
	"time"

	"github.com/kanade-go/kanade/agent/internal/command"
	"github.com/kanade-go/kanade/outbox/atomicfile"
)

// LedgerFile is one ledger of a state folder, seen from outside.
type LedgerFile struct {
	File    string    `json:"file"`
	Bytes   int64     `json:"bytes"`
	ModTime time.Time `json:"mod_time"`
	// Foreign: it is of another pc_id than the one that was asked about.
	Foreign bool `json:"foreign,omitempty"`
	// Commands by state, and lines that were not written to their end.
	Accepted int `json:"accepted"`
	Started  int `json:"started"`
	Finished int `json:"finished"`
	Torn     int `json:"torn,omitempty"`
}

// Ledgers reads the ledgers of a state folder, beside a running agent or without one,
// and changes nothing. A folder that does not exist has none.
func Ledgers(stateDir, pcID string) ([]LedgerFile, error) {
	found, err := command.Summarize(atomicfile.OS, filepath.Join(stateDir, "ledger"), pcID)
	var all []LedgerFile
	for _, s := range found {
		all = append(all, LedgerFile{
			File: s.File, Bytes: s.Size, ModTime: s.ModTime.UTC(), Foreign: s.Foreign,
			Accepted: s.Counts.Accepted, Started: s.Counts.Started, Finished: s.Counts.Finished, Torn: s.Torn,
		})
	}
	if err != nil {
		err = fmt.Errorf("agent: %w", err)
	}
	return all, err
}
