package doctor

// Levels of a finding.
const (
	OK   = "ok"
	Warn = "warn" // the agent works, but worse, or it cannot be told
	Fail = "fail" // the agent does not work, or not all of it
)

// Finding is one thing that was looked at.
type Finding struct {
	Check   string // what kind of thing: "state folder", "broker", "permission" …
	Level   string
	Subject string // of a permission: what it is about, such as "publish obs.pc-1"
	Text    string
	Advice  string // what to do; empty when it is OK
	Block   string // lines for the broker's configuration that would mend it
}

// report hands findings on until nobody listens any more.
type report struct {
	yield func(Finding) bool
	over  bool
}

func (r *report) add(f Finding) {
	if !r.over && !r.yield(f) {
		r.over = true
	}
}

func (r *report) ok(check, text string) { r.add(Finding{Check: check, Level: OK, Text: text}) }

func (r *report) warn(check, text, advice string) {
	r.add(Finding{Check: check, Level: Warn, Text: text, Advice: advice})
}

func (r *report) fail(check, text, advice string) {
	r.add(Finding{Check: check, Level: Fail, Text: text, Advice: advice})
}
