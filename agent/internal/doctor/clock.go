package doctor

import (
	"encoding/json"
	"fmt"
	"time"
)

const (
	// A command has a deadline, schedules have minutes: seconds between the clocks
	// are noticed by people, a minute makes deadlines and cron entries wrong.
	skewWarn = 5 * time.Second
	skewFail = time.Minute
)

// clock compares this host's clock with the broker's.
func (d *doctor) clock(user userInfo, p *prober) {
	const check = "clock"
	skew, doubt, known := user.skew, user.doubt, user.known && (user.skew != 0 || user.doubt != 0)
	if !known {
		skew, doubt, known = p.skew, p.doubt, p.timed
	}
	if !known {
		d.warn(check, "the broker's time is not known", "allow the user to publish "+userInfoSubject+", or compare the clocks by hand")
		return
	}
	text := fmt.Sprintf("%v %s the broker's (± %v)", skew.Abs().Round(time.Millisecond), direction(skew), doubt.Round(time.Millisecond))
	if skew.Abs() <= max(doubt, time.Millisecond) {
		text = fmt.Sprintf("it agrees with the broker's (± %v)", max(doubt, time.Millisecond).Round(time.Millisecond))
	}
	const advice = "set the clocks by NTP: deadlines and schedules go by them"
	switch off := skew.Abs() - doubt; {
	case off > skewFail:
		d.fail(check, text, advice)
	case off > skewWarn:
		d.warn(check, text, advice)
	default:
		d.ok(check, text)
	}
}

func direction(skew time.Duration) string {
	if skew > 0 {
		return "behind"
	}
	return "ahead of"
}

// noteTime keeps the time that an answer of the JetStream API holds: that of
// information about a stream has it.
func (p *prober) noteTime(data []byte, sent time.Time) {
	var stamped struct {
		Time time.Time `json:"ts"`
	}
	if json.Unmarshal(data, &stamped) != nil || stamped.Time.IsZero() {
		return
	}
	took := time.Since(sent)
	p.skew, p.doubt, p.timed = stamped.Time.Sub(sent.Add(took/2)), took/2, true
}
