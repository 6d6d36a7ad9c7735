package agentcli

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/kanade-go/kanade/agent"
)

// withFolderHint says which other folder may be meant.
func withFolderHint(err error, from string) error {
	return fmt.Errorf("%w (%s; --%s or --%s name another one)", err, from, dataDirFlag, configFlag)
}

// statusPage is the answer for people: what is wrong first.
type statusPage struct {
	answer statusAnswer
	now    time.Time
	text   bytes.Buffer
}

func (p statusPage) print(out io.Writer) error {
	p.head()
	p.problems()
	if s := p.answer.Agent.Status; s != nil {
		p.facts(*s)
		p.runs(s.Commands)
		p.boxes(*s)
		p.updates(s.Updates)
		p.resources(s.Resources)
		p.settings(s.Settings)
	}
	_, err := out.Write(p.text.Bytes())
	return err
}

func (p *statusPage) line(format string, args ...any) { fmt.Fprintf(&p.text, format+"\n", args...) }

func (p *statusPage) head() {
	s, a := p.answer.Service, p.answer.Agent
	text := fmt.Sprintf("service %s (%s): %s", visible(s.Name), orNone(s.Manager, "no service manager"), visible(s.State))
	if s.Error != "" {
		text += ": " + visible(s.Error)
	}
	p.line("%s", text)
	who := "agent"
	if a.Status != nil {
		who += " " + visible(a.Status.ID) + ", version " + visible(orNone(a.Status.Version, "unknown"))
	}
	switch {
	case a.State != "running":
		p.line("%s: %s: %s", who, a.State, visible(strings.TrimPrefix(a.Error, "agent: ")))
	case len(a.Problems) == 0:
		p.line("%s: healthy", who)
	default:
		p.line("%s: NOT HEALTHY, %s", who, counted(len(a.Problems), "problem"))
	}
	if a.State != "running" && a.Status != nil {
		p.line("what follows is what it said %s", p.ago(a.Status.At))
	}
}

// mostError is how much of an error, or of a name, a table shows; a problem shows all
// of it.
const mostError = 80

// cell is a name in a table.
func cell(name string) string {
	if name == "" {
		return "-"
	}
	return visible(shortened(name, mostError))
}

func (p *statusPage) problems() {
	if len(p.answer.Agent.Problems) == 0 {
		return
	}
	p.line("\nPROBLEMS")
	for _, problem := range p.answer.Agent.Problems {
		text := "  " + visible(problem.What)
		if !problem.Since.IsZero() {
			text += ", for " + age(p.now.Sub(problem.Since))
		}
		p.line("%s: %s", text, visible(problem.Text))
		if problem.Error != "" {
			p.line("    last error: %s", visible(problem.Error))
		}
		if problem.Advice != "" {
			p.line("    what to do: %s", visible(problem.Advice))
		}
	}
}

// table writes rows of cells, aligned and indented.
func (p *statusPage) table(title string, rows ...[]string) {
	p.line("\n%s", title)
	w := tabwriter.NewWriter(&p.text, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		_, _ = fmt.Fprintf(w, "  %s\n", strings.Join(row, "\t")) // to memory
	}
	_ = w.Flush() // likewise
}

func (p *statusPage) facts(s agent.Status) {
	connection := "down for " + age(p.now.Sub(s.Since))
	if s.Connected {
		connection = "up for " + age(p.now.Sub(s.Since))
		if s.Server != "" {
			connection += ", to " + visible(s.Server)
		}
	}
	c, ledger := s.Commands, "writable"
	if !s.Ledger.Writable {
		ledger = "NOT WRITABLE"
	}
	rows := [][]string{
		{"started", fmt.Sprintf("%s, pid %d", p.ago(s.StartedAt), s.PID)},
		{"connection", connection},
		{"commands", fmt.Sprintf("%d running%s, %d waiting; %d received since the start%s", c.Running, most(c.AtOnce), c.Waiting, c.Received, oddities(c))},
		{"ledger", fmt.Sprintf("%s; %d to run, %d started, %d remembered", ledger, s.Ledger.Accepted, s.Ledger.Started, s.Ledger.Finished)},
	}
	if s.Schedules.Armed > 0 {
		rows = append(rows, []string{"schedules", p.schedules(s.Schedules)})
	}
	if s.LogLinesDropped > 0 {
		rows = append(rows, []string{"log", fmt.Sprintf("%d lines are missing: its disk was too slow, or refused them", s.LogLinesDropped)})
	}
	if i := s.Inventory; !i.CollectedAt.IsZero() {
		rows = append(rows, []string{"inventory", "collected " + p.ago(i.CollectedAt) + inventoryProblems(i.Problems)})
	}
	p.table("AGENT", rows...)
}

func (p *statusPage) schedules(s agent.ScheduleStatus) string {
	text := fmt.Sprintf("%d, %d running; %d fired since the start", s.Armed, s.Running, s.Fired)
	if !s.Next.IsZero() {
		text += ", next in " + age(s.Next.Sub(p.now))
	}
	return text
}

func most(atOnce int) string {
	if atOnce == 0 {
		return "" // an older agent does not say
	}
	return fmt.Sprintf(" of at most %d", atOnce)
}

// oddities are the counters that are seldom above zero.
func oddities(c agent.CommandStatus) string {
	var text strings.Builder
	for _, odd := range []struct {
		n    uint64
		what string
	}{
		{c.Duplicates, "duplicates"},
		{c.Conflicts, "conflicts"},
		{c.Refused, "refused"},
		{c.Unreadable, "unreadable"},
		{c.Unrecorded, "unrecorded"},
		{uint64(max(c.Dropped, 0)), "dropped"},
	} {
		if odd.n > 0 {
			fmt.Fprintf(&text, ", %d %s", odd.n, odd.what)
		}
	}
	return text.String()
}

func (p *statusPage) runs(c agent.CommandStatus) {
	if len(c.Runs) == 0 {
		return
	}
	rows := [][]string{{"JOB", "REQUEST", "SHELL", "SINCE"}}
	for _, r := range c.Runs {
		rows = append(rows, []string{cell(r.ID), cell(r.RequestID), cell(r.Shell), p.ago(r.Since)})
	}
	if more := c.Running - len(c.Runs); more > 0 {
		rows = append(rows, []string{fmt.Sprintf("and %d more", more)})
	}
	p.table("RUNNING", rows...)
}

func (p *statusPage) boxes(s agent.Status) {
	rows := [][]string{{"BOX", "WAITING", "SIZE", "OLDEST", "STUCK", "SENT"}}
	for _, box := range s.Boxes() {
		rows = append(rows, []string{
			box.Name, fmt.Sprint(box.Pending), size(box.Bytes), p.ago(box.Oldest), fmt.Sprint(box.Stuck), fmt.Sprint(box.Sent),
		})
	}
	p.table("TO BE DELIVERED", rows...)
}

func (p *statusPage) resources(all []agent.Resource) {
	if len(all) == 0 {
		return
	}
	rows := [][]string{{"RESOURCE", "STATE", "LAST ERROR"}}
	for _, r := range all {
		state := "refused"
		switch {
		case !r.WaitingSince.IsZero():
			state = "waiting for " + age(p.now.Sub(r.WaitingSince))
			if r.Attempts > 0 {
				state += ", " + counted(r.Attempts, "attempt")
			}
		case !r.FineSince.IsZero():
			state = "fine for " + age(p.now.Sub(r.FineSince))
		}
		failure := "none"
		if r.Error != "" {
			failure = visible(shortened(r.Error, mostError))
			if !r.ErrorAt.IsZero() {
				failure = p.ago(r.ErrorAt) + ": " + failure
			}
		}
		rows = append(rows, []string{cell(r.Name), state, failure})
	}
	p.table("NEEDED OF THE BROKER", rows...)
}

func (p *statusPage) settings(all []agent.ScopeStatus) {
	if len(all) == 0 {
		return
	}
	rows := [][]string{{"SCOPE", "REVISION", "STATE"}}
	for _, s := range all {
		rows = append(rows, []string{cell(s.Scope), fmt.Sprint(s.Revision), p.settingState(s)})
	}
	p.table("SETTINGS", rows...)
	for _, s := range all {
		for _, text := range settingProblems(s) {
			p.line("  %s: %s", visible(s.Scope), visible(text))
		}
	}
}

func (p *statusPage) settingState(s agent.ScopeStatus) string {
	state := "fresh"
	if !s.StaleSince.IsZero() {
		state = "stale for " + age(p.now.Sub(s.StaleSince))
	}
	switch {
	case s.Unreadable != "":
		state = "NOT READABLE, " + state
	case s.Failure != "":
		state = "DOES NOT COUNT AS IT SHOULD, " + state
	case !s.MissingSince.IsZero():
		state = "no such bucket for " + age(p.now.Sub(s.MissingSince)) + ", " + state
	}
	return state
}

// settingProblems has Failure among the others.
func settingProblems(s agent.ScopeStatus) []string {
	if s.Unreadable == "" {
		return s.Problems
	}
	return append([]string{"cannot be read: " + s.Unreadable}, s.Problems...)
}

func (p *statusPage) ago(at time.Time) string {
	if at.IsZero() {
		return "-"
	}
	return age(p.now.Sub(at)) + " ago"
}

func orNone(text, none string) string {
	if text == "" {
		return none
	}
	return text
}
