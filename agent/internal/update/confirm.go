package update

import "time"

// confirm makes the release that runs the good one.
func (i Install) confirm(r record, now time.Time) error {
	if at := r.entry(r.Plan.ToSHA256); at >= 0 {
		r.Tried = append(r.Tried[:at:at], r.Tried[at+1:]...)
	}
	if r.Plan.Floor != "" && (r.Floor == "" || compareVersions(r.Plan.Floor, r.Floor) > 0) {
		r.Floor = r.Plan.Floor
	}
	r.Plan.Reason = ""
	r.ended(&r.LastUpdate, now)
	r.tell(kindUpdated, "")
	r.Plan = nil
	return i.save(r)
}
