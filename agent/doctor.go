package agent

import (
	"context"
	"iter"
	"path/filepath"
	"strings"

	"github.com/kanade-go/kanade/agent/internal/doctor"
)

// Levels of a [Finding].
const (
	FindingOK   = doctor.OK
	FindingWarn = doctor.Warn // the agent works, but worse, or it cannot be told
	FindingFail = doctor.Fail // the agent does not work, or not all of it
)

// Finding is one thing that [Diagnose] looked at.
type Finding struct {
	// Check is what kind of thing: "configuration", "state folder", "disk", "agent",
	// "log folder", "staging", "shells" or a shell, "broker", "credentials", "permission",
	// "permissions" (what is missing of them, together), "clock", "jetstream",
	// "streams and buckets".
	Check string `json:"check"`
	// Level is FindingOK, FindingWarn or FindingFail.
	Level string `json:"level"`
	// Subject of a permission, such as "publish obs.pc-1".
	Subject string `json:"subject,omitempty"`
	Text    string `json:"text"`
	// Advice is what to do; empty when it is OK.
	Advice string `json:"advice,omitempty"`
	// Block is what to add to the broker's configuration, several lines.
	Block string `json:"block,omitempty"`
}

// Diagnose finds out whether this host is fit for an agent with this
// configuration, and yields what it finds, one thing after the other, within
// seconds each: the configuration, the state folder (write, sync, rename, room), the
// log's folder, a script staged as a file, the shells and PowerShell's language mode,
// each server, the credentials, every subject that the agent uses, the clocks, the
// streams and buckets.
//
// It works beside a running agent and without one, takes no lock, leaves nothing
// behind, and publishes nothing that anybody could take for data; rights that only
// a real message could prove are judged from what the server says of the user.
// Options are those of [New]: WithCredentials, WithNATS and WithSharedStateDir count. A
// connection that was brought along as a transport is not looked at, and into a folder
// that Run would refuse nothing is written.
func Diagnose(ctx context.Context, cfg Config, opts ...Option) iter.Seq[Finding] {
	return func(yield func(Finding) bool) {
		a, err := New(cfg, opts...)
		if err != nil {
			yield(Finding{Check: "configuration", Level: FindingFail, Text: oneLine(err), Advice: "correct it: nothing else was looked at"})
			return
		}
		for f := range doctor.Check(ctx, a.diagnosis()) {
			if !yield(Finding(f)) {
				return
			}
		}
	}
}

func (a *Agent) diagnosis() doctor.Config {
	d := doctor.Config{PCID: a.cfg.ID, StateDir: a.cfg.StateDir, Refuse: a.refuseForeignState, Staging: filepath.Join(a.cfg.StateDir, stagingFolder), Conn: a.opts.conn}
	if a.cfg.LogKeepDays > 0 {
		d.LogFile = a.cfg.LogFile
	}
	if a.opts.conn == nil && a.opts.transport == nil {
		d.Broker = a.dialOptions()
		// Another name than the agent's, by which the backend knows its host.
		d.Broker.Name = "kanade-doctor/" + a.cfg.ID
	}
	return d
}

// oneLine writes joined errors, which come on lines of their own, behind one another.
func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }
