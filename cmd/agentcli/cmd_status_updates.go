package agentcli

import (
	"fmt"

	"github.com/kanade-go/kanade/agent"
)

// updates says what an update is at, how the last one came out, and what is not tried
// again. Who was never updated reads nothing.
func (p *statusPage) updates(u *agent.UpdateStatus) {
	if u == nil {
		return
	}
	var rows [][]string
	if u.Phase != "idle" {
		rows = append(rows, []string{"now", p.updateNow(*u)})
	}
	if o := u.LastUpdate; o != nil {
		rows = append(rows, []string{"updated", fmt.Sprintf("%s, from %s to %s", p.ago(o.At), cell(o.From), cell(o.To))})
	}
	if o := u.LastRollback; o != nil {
		rows = append(rows, []string{"taken back", fmt.Sprintf("%s, from %s to %s: %s", p.ago(o.At), cell(o.To), cell(o.From), visible(orNone(o.Reason, "no reason is known")))})
	}
	for _, t := range u.Tried {
		if t.Quarantined {
			rows = append(rows, []string{"never again", fmt.Sprintf("%s (%.12s): %s", cell(t.Version), visible(t.SHA256), visible(orNone(t.Reason, "no reason is known")))})
		}
	}
	if len(rows) > 0 {
		p.table("UPDATES", rows...)
	}
}

func (p *statusPage) updateNow(u agent.UpdateStatus) string {
	text := visible(u.Phase)
	if u.Target != "" {
		text += " of " + visible(u.Target)
	}
	if u.Step != "" {
		text += ", at " + visible(u.Step)
	}
	if u.Starts > 0 {
		text += fmt.Sprintf(", start %d", u.Starts)
	}
	if !u.NextTry.IsZero() {
		text += ", next try in " + age(u.NextTry.Sub(p.now))
	}
	if u.Problem != "" {
		text += ": " + visible(u.Problem)
	}
	return text
}
