package update

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/kanade-go/kanade/outbox/atomicfile"
)

// ErrRecord says that the record beside the executable cannot be used. No release
// is tried until it can: what is in it is what keeps a bad one from coming back.
var ErrRecord = errors.New("update: the record of updates cannot be used")

const (
	recordFormat = 1
	maxRecord    = 128 << 10
	maxTried     = 32
	maxNews      = 8

	// maxTimes is how often a release is tried.
	maxTimes = 3
)

// phases of a plan.
const (
	phaseSwap      = "swap"      // the release is to replace the executable, or has
	phaseProbation = "probation" // it has run
	phaseRollback  = "rollback"  // the last good executable is to come back, or has
)

// record is what is known of updates.
type record struct {
	Format int     `json:"format"`
	Plan   *plan   `json:"plan,omitempty"`
	Tried  []tried `json:"tried,omitempty"`
	Floor  string  `json:"floor,omitempty"` // no release below it is taken
	News   []news  `json:"news,omitempty"`  // that nobody was told yet

	// LastUpdate and LastRollback are the newest of their kind.
	LastUpdate   *Outcome `json:"last_update,omitempty"`
	LastRollback *Outcome `json:"last_rollback,omitempty"`
}

// plan is the update that is under way.
type plan struct {
	Phase      string    `json:"phase"`
	From       string    `json:"from"` // version
	To         string    `json:"to"`
	FromSHA256 string    `json:"from_sha256"`
	ToSHA256   string    `json:"to_sha256"`
	Floor      string    `json:"floor,omitempty"` // once it is confirmed
	Starts     int       `json:"starts"`          // of the release, not confirmed yet
	Since      time.Time `json:"since"`
	// Spent is how long it has run without proof, in those starts that ended in order.
	Spent  time.Duration `json:"spent_ns,omitempty"`
	Reason string        `json:"reason,omitempty"` // of a rollback
	// Managed: a service manager starts the agent. Other starts do not count.
	Managed bool `json:"managed,omitempty"`
}

// tried is a release that was tried and is not confirmed.
type tried struct {
	Version string `json:"version"`
	SHA256  string `json:"sha256"`
	Times   int    `json:"times"`
	// Unswapped are tries besides, in which it did not replace the executable: they
	// say nothing about it.
	Unswapped int       `json:"unswapped,omitempty"`
	Last      time.Time `json:"last"`
	Never     bool      `json:"never,omitempty"` // again
	Reason    string    `json:"reason"`
}

// news is something to report.
type news struct {
	Kind    string            `json:"kind"`
	Payload map[string]string `json:"payload"`
}

func (i Install) load() (record, error) {
	f, err := i.FS.OpenFile(i.recordPath(), os.O_RDONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return record{Format: recordFormat}, nil
	}
	if err != nil {
		return record{}, fmt.Errorf("%w: %w", ErrRecord, err)
	}
	defer func() { _ = f.Close() }() // only read
	data, err := io.ReadAll(io.LimitReader(f, maxRecord+1))
	if err != nil {
		return record{}, fmt.Errorf("%w: %w", ErrRecord, err)
	}
	r, err := decodeRecord(data)
	if err != nil {
		return record{}, fmt.Errorf("%w: %s: %w; remove the file to allow updates again", ErrRecord, i.recordPath(), err)
	}
	return r, nil
}

func decodeRecord(data []byte) (record, error) {
	var r record
	if len(data) > maxRecord {
		return r, fmt.Errorf("more than %d bytes", maxRecord)
	}
	if err := json.Unmarshal(data, &r); err != nil {
		return r, err
	}
	if r.Format != recordFormat {
		return r, fmt.Errorf("format %d; this release reads %d", r.Format, recordFormat)
	}
	if slices.ContainsFunc(r.Tried, func(t tried) bool { return t.Times < 0 || t.Unswapped < 0 }) {
		return r, errors.New("a release that was tried less than never")
	}
	if p := r.Plan; p != nil && (p.Starts < 0 || p.Spent < 0) {
		return r, fmt.Errorf("a plan with %d starts in %v", p.Starts, p.Spent)
	}
	if p := r.Plan; p != nil && (p.FromSHA256 == "" || p.ToSHA256 == "" || !slices.Contains([]string{phaseSwap, phaseProbation, phaseRollback}, p.Phase)) {
		return r, fmt.Errorf("phase %.40q of a plan that is not complete", p.Phase)
	}
	if p := r.Plan; p != nil && p.FromSHA256 == p.ToSHA256 {
		return r, errors.New("a plan from a release to the same")
	}
	return r, nil
}

func (i Install) save(r record) error {
	r.Tried = bounded(r.Tried)
	r.News = r.News[max(0, len(r.News)-maxNews):]
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("update: encode record: %w", err)
	}
	if err := atomicfile.WriteFile(i.FS, i.recordPath(), append(data, '\n'), 0o600); err != nil {
		return fmt.Errorf("update: write record: %w", err)
	}
	return nil
}

// bounded forgets the oldest, those last that are never to be tried again. The newest
// stays: it may be under way.
func bounded(all []tried) []tried {
	all = slices.Clone(all)
	for len(all) > maxTried {
		at := slices.IndexFunc(all[:len(all)-1], func(t tried) bool { return !t.Never })
		all = slices.Delete(all, max(0, at), max(0, at)+1)
	}
	return all
}

// entry is the place of a release among those that were tried, -1 for none.
func (r *record) entry(sha256 string) int {
	return slices.IndexFunc(r.Tried, func(t tried) bool { return t.SHA256 == sha256 })
}

// try counts one more try of the plan's release.
func (r *record) try(now time.Time) {
	t := tried{Version: r.Plan.To, SHA256: r.Plan.ToSHA256}
	if at := r.entry(t.SHA256); at >= 0 {
		t.Times, t.Unswapped = r.Tried[at].Times, r.Tried[at].Unswapped
		r.Tried = slices.Delete(r.Tried, at, at+1)
	}
	t.Times, t.Last, t.Reason = t.Times+1, now.UTC(), "it was not confirmed"
	r.Tried = append(r.Tried, t)
}

// untry takes the try of a plan back that did not come to its swap: a full disk or
// a scanner would quarantine a release that never ran.
func (r *record) untry() {
	at := r.entry(r.Plan.ToSHA256)
	if at < 0 || r.Tried[at].Times == 0 {
		return
	}
	t := &r.Tried[at]
	t.Times, t.Unswapped, t.Reason = t.Times-1, t.Unswapped+1, "the executable was not replaced"
}

// refuse notes why the plan's release is given up.
func (r *record) refuse(reason string, never bool) {
	reason = shortened(reason)
	if r.entry(r.Plan.ToSHA256) < 0 {
		r.try(r.Plan.Since)
	}
	at := r.entry(r.Plan.ToSHA256)
	r.Tried[at].Reason, r.Tried[at].Never = reason, r.Tried[at].Never || never
}

// tell keeps something to report.
func (r *record) tell(kind, reason string) {
	payload := map[string]string{"from": r.Plan.From, "to": r.Plan.To, "sha256": r.Plan.ToSHA256}
	if reason != "" {
		payload["reason"] = shortened(reason)
	}
	r.News = append(r.News, news{Kind: kind, Payload: payload})
}

// ended keeps how the plan came out.
func (r *record) ended(into **Outcome, now time.Time) {
	*into = &Outcome{From: r.Plan.From, To: r.Plan.To, SHA256: r.Plan.ToSHA256, At: now.UTC(), Reason: r.Plan.Reason}
}

// maxReason bounds what is kept of an error: with all of them the record can be
// read, however they are escaped.
const maxReason = 240

func shortened(reason string) string {
	reason = strings.ReplaceAll(reason, "\n", "; ")
	if len(reason) <= maxReason {
		return reason
	}
	return strings.ToValidUTF8(reason[:maxReason], "") + " …"
}
