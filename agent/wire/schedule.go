package wire

import (
	"errors"
	"fmt"
	"time"
)

// ScheduleMode is how often a schedule fires on a host. The zero value is
// [EveryTick].
type ScheduleMode uint8

// The modes.
const (
	EveryTick     ScheduleMode = iota // at every time of the cron expression
	OncePerPC                         // until it was done, and again after the cooldown
	OncePerTarget                     // for an agent the same as OncePerPC
)

var scheduleModeNames = []string{"every_tick", "once_per_pc", "once_per_target"}

// String returns the name on the wire.
func (m ScheduleMode) String() string { return enumName("mode", scheduleModeNames, uint8(m)) }

// RunsOn is who fires a schedule. The zero value is [RunsOnBackend].
type RunsOn uint8

// Who fires a schedule.
const (
	RunsOnBackend RunsOn = iota
	RunsOnAgent
)

var runsOnNames = []string{"backend", "agent"}

// String returns the name on the wire.
func (r RunsOn) String() string { return enumName("runs_on", runsOnNames, uint8(r)) }

// Schedule says when a job is run on which hosts: a value of the bucket schedules,
// whose keys are schedule ids.
type Schedule struct {
	ID string
	// Cron is kept as it came; only who fires the schedule reads it.
	Cron   string
	JobID  string
	Target Target
	// Rollout, optional, and AutoDisableWhenDone are the backend's business.
	Rollout *Rollout
	// Jitter, Cooldown and StartingDeadline are durations as [ParseDuration] reads
	// them, kept as they came; empty: not set.
	Jitter string
	// DeadlineAt is the backend's business; zero: none.
	DeadlineAt          time.Time
	Mode                ScheduleMode
	Cooldown            string
	AutoDisableWhenDone bool
	StartingDeadline    string
	RunsOn              RunsOn
	Disabled            bool
}

// DecodeSchedule reads a schedule. Keys that it does not know are ignored. The
// error matches [ErrDecode].
func DecodeSchedule(data []byte) (Schedule, error) {
	r := newReader("schedule", data)
	var s Schedule
	seen := r.document(func(key []byte) { s.read(r, string(key)) })
	r.require(seen, "id", "cron", "job_id")
	if r.err != nil {
		return Schedule{}, r.err
	}
	return s, nil
}

func (s *Schedule) read(r *reader, key string) {
	switch key {
	case "id":
		s.ID = r.string()
	case "cron":
		s.Cron = r.string()
	case "job_id":
		s.JobID = r.string()
	case "target":
		s.Target = r.target()
	case "rollout":
		s.Rollout = r.rollout()
	case "jitter":
		s.Jitter = r.optString()
	case "deadline_at":
		s.DeadlineAt = r.optTime()
	default:
		s.readMore(r, key)
	}
}

func (s *Schedule) readMore(r *reader, key string) {
	switch key {
	case "mode":
		s.Mode = ScheduleMode(r.enum(scheduleModeNames))
	case "cooldown":
		s.Cooldown = r.optString()
	case "auto_disable_when_done":
		s.AutoDisableWhenDone = r.bool()
	case "starting_deadline":
		s.StartingDeadline = r.optString()
	case "runs_on":
		s.RunsOn = RunsOn(r.enum(runsOnNames))
	case "enabled":
		s.Disabled = !r.bool()
	default:
		r.skip()
	}
}

// AppliesTo reports whether the agent of a host fires the schedule.
func (s Schedule) AppliesTo(pcID string, groups []string) bool {
	return s.RunsOn == RunsOnAgent && !s.Disabled && s.Target.Matches(pcID, groups)
}

// JitterSecs is Jitter in whole seconds, cut off; 0 if it is not set or cannot be
// read.
func (s Schedule) JitterSecs() uint64 {
	d, err := ParseDuration(s.Jitter)
	if err != nil {
		return 0
	}
	return uint64(d / time.Second)
}

// CooldownTime is how long after it was done a job is done again. Not ok: never
// again; so is a cooldown that cannot be read.
func (s Schedule) CooldownTime() (d time.Duration, ok bool) { return optDuration(s.Cooldown) }

// StartingDeadlineTime is how late a fire may start. Not ok: there is no such
// bound, or it cannot be read.
func (s Schedule) StartingDeadlineTime() (d time.Duration, ok bool) {
	return optDuration(s.StartingDeadline)
}

func optDuration(text string) (time.Duration, bool) {
	d, err := ParseDuration(text)
	return d, err == nil
}

// Validate reports every problem, joined; each matches [ErrInvalid]. Cron is not
// looked at. A host takes a schedule with a duration that cannot be read all the
// same, as if it were not set.
func (s Schedule) Validate() error {
	errs := []error{
		invalid("id", KeySafe(s.ID)),
		invalid("job_id", KeySafe(s.JobID)),
		checkText("cron", s.Cron),
		checkOptDuration("jitter", s.Jitter),
		checkOptDuration("cooldown", s.Cooldown),
		checkOptDuration("starting_deadline", s.StartingDeadline),
		invalid("mode", checkEnum(scheduleModeNames, uint8(s.Mode))),
		invalid("runs_on", checkEnum(runsOnNames, uint8(s.RunsOn))),
	}
	if !s.DeadlineAt.IsZero() {
		errs = append(errs, invalid("deadline_at", checkTime(s.DeadlineAt)))
	}
	if s.Rollout != nil {
		for i, wave := range s.Rollout.Waves {
			errs = append(errs, checkOptDuration(fmt.Sprintf("wave %d", i), wave.Delay))
		}
	}
	return errors.Join(errs...)
}

func checkOptDuration(field, text string) error {
	if text == "" {
		return nil
	}
	_, err := ParseDuration(text)
	return invalid(field, err)
}

// Encode writes the schedule as a backend stores it.
func (s Schedule) Encode() []byte {
	w := newWriter(512)
	w.string("id", s.ID)
	w.string("cron", s.Cron)
	w.string("job_id", s.JobID)
	w.target("target", s.Target)
	w.rollout("rollout", s.Rollout)
	w.omitString("jitter", s.Jitter)
	w.omitTime("deadline_at", s.DeadlineAt)
	w.string("mode", s.Mode.String())
	w.omitString("cooldown", s.Cooldown)
	w.bool("auto_disable_when_done", s.AutoDisableWhenDone)
	w.omitString("starting_deadline", s.StartingDeadline)
	w.string("runs_on", s.RunsOn.String())
	w.bool("enabled", !s.Disabled)
	return w.end()
}
