package events

import (
	"context"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"github.com/kanade-go/kanade/agent/wire"
)

// Emit stores what a script reports: one observation a line of its standard
// output. True means that every line is stored; otherwise the output belongs
// into the result, where nothing of it is lost.
func (r *Recorder) Emit(ctx context.Context, c wire.Command, stdout string) (all bool) {
	all = true
	number := 0
	for line := range strings.Lines(stdout) {
		number++
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		if err := r.emit(ctx, c, number, line); err != nil {
			r.Logger.Warn("a reported event was not stored; the output stays in the result",
				"request_id", c.RequestID, "line", number, "error", err)
			all = false
		}
	}
	return all
}

// emit stores one line. Its name follows from the run and the line, so that a
// repeat is the same record.
func (r *Recorder) emit(ctx context.Context, c wire.Command, number int, line string) error {
	e, err := wire.DecodeObsEvent([]byte(line))
	if err != nil {
		return err
	}
	e.PCID = r.PCID
	name := fmt.Sprintf("%s/%d", wire.ResultID(c.RequestID, r.PCID), number)
	return r.observe(ctx, uuid.NewSHA1(uuid.NameSpaceOID, []byte(name)).String(), e)
}

// hex32 is a UUID as the contract's file names have it.
func hex32(id string) string { return strings.ReplaceAll(id, "-", "") }
