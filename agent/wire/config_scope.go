package wire

import (
	"errors"
	"strconv"
	"time"
)

// ConfigScope is the settings of one scope: a value of the bucket agent_config.
// Every scope has the same shape. What is nil is inherited from the wider scope;
// a narrower scope can set a field, never unset it. [EffectiveConfig] is what the
// scopes of a host come to.
type ConfigScope struct {
	// TargetVersion is the release that hosts update themselves to; "" is none.
	TargetVersion *string
	// TargetVersionJitter, HeartbeatInterval and HostPerfInterval are durations
	// as [ParseDuration] reads them, kept as they came.
	TargetVersionJitter *string
	HeartbeatInterval   *string
	HostPerfInterval    *string
	// ProcessPerfEnabled turns the samples of the busiest processes on, until
	// ProcessPerfExpiresAt.
	ProcessPerfEnabled   *bool
	ProcessPerfExpiresAt *time.Time
	// ProcessPerfTopN is how many processes a sample has.
	ProcessPerfTopN *uint32
	// MaxLocalConcurrent is how many scripts run at once, at least 1.
	MaxLocalConcurrent *uint64

	// InventoryEnabled, InventoryInterval and InventoryJitter are the keys of
	// earlier releases, with their meaning; the last two are durations.
	InventoryEnabled  *bool
	InventoryInterval *string
	InventoryJitter   *string
	// InventorySections are the names of those that are published, with commas
	// between them; "" is all.
	InventorySections *string
}

// DecodeConfigScope reads a scope. null stands for a field that is not set, and
// {} is a scope without any. The error matches [ErrDecode].
func DecodeConfigScope(data []byte) (ConfigScope, error) {
	r := newReader("config scope", data)
	var c ConfigScope
	r.document(func(key []byte) { c.read(r, string(key)) })
	if r.err != nil {
		return ConfigScope{}, r.err
	}
	return c, nil
}

func (c *ConfigScope) read(r *reader, key string) {
	switch key {
	case "target_version":
		c.TargetVersion = set(r, (*reader).string)
	case "target_version_jitter":
		c.TargetVersionJitter = set(r, (*reader).string)
	case "heartbeat_interval":
		c.HeartbeatInterval = set(r, (*reader).string)
	case "host_perf_interval":
		c.HostPerfInterval = set(r, (*reader).string)
	case "process_perf_enabled":
		c.ProcessPerfEnabled = set(r, (*reader).bool)
	case "process_perf_expires_at":
		c.ProcessPerfExpiresAt = set(r, (*reader).time)
	case "process_perf_top_n":
		c.ProcessPerfTopN = set(r, (*reader).uint32)
	case "max_local_concurrent":
		c.MaxLocalConcurrent = set(r, (*reader).positive)
	default:
		c.readInventory(r, key)
	}
}

// set reads a value; null is nil.
func set[T any](r *reader, read func(*reader) T) *T {
	if !r.optional() {
		return nil
	}
	value := read(r)
	return &value
}

// Validate reports every duration that cannot be read, and a time and a number
// that cannot be written, joined; each problem matches [ErrInvalid]. A host takes a scope with
// such a duration all the same, see [MergeConfig].
func (c ConfigScope) Validate() error {
	var errs []error
	for field, text := range map[string]*string{
		"target_version_jitter": c.TargetVersionJitter,
		"heartbeat_interval":    c.HeartbeatInterval,
		"host_perf_interval":    c.HostPerfInterval,
		"inventory_interval":    c.InventoryInterval,
		"inventory_jitter":      c.InventoryJitter,
	} {
		if text != nil {
			_, err := ParseDuration(*text)
			errs = append(errs, invalid(field, err))
		}
	}
	if c.ProcessPerfExpiresAt != nil {
		errs = append(errs, invalid("process_perf_expires_at", checkTime(*c.ProcessPerfExpiresAt)))
	}
	if c.MaxLocalConcurrent != nil && *c.MaxLocalConcurrent == 0 {
		errs = append(errs, invalid("max_local_concurrent", errors.New("0 scripts at once would run none; leave it out for the host's own number")))
	}
	return errors.Join(errs...)
}

// Encode writes the scope without the fields that are not set.
func (c ConfigScope) Encode() []byte {
	w := newWriter(256)
	setTo(c.TargetVersion, func(s string) { w.string("target_version", s) })
	setTo(c.TargetVersionJitter, func(s string) { w.string("target_version_jitter", s) })
	setTo(c.HeartbeatInterval, func(s string) { w.string("heartbeat_interval", s) })
	setTo(c.HostPerfInterval, func(s string) { w.string("host_perf_interval", s) })
	setTo(c.ProcessPerfEnabled, func(b bool) { w.bool("process_perf_enabled", b) })
	setTo(c.ProcessPerfExpiresAt, func(t time.Time) { w.time("process_perf_expires_at", t) })
	setTo(c.ProcessPerfTopN, func(n uint32) { w.uint("process_perf_top_n", uint64(n)) })
	setTo(c.MaxLocalConcurrent, func(n uint64) { w.uint("max_local_concurrent", n) })
	c.encodeInventory(w)
	return w.end()
}

func setTo[T any](value *T, use func(T)) {
	if value != nil {
		use(*value)
	}
}

func (r *reader) bool() bool {
	if !r.has("true") && !r.has("false") {
		r.mismatch("true or false")
		return false
	}
	return r.literal() == "true"
}

func (r *reader) uint32() uint32 {
	const expected = "a whole number from 0 to 4294967295"
	lit, ok := r.integer(expected)
	if !ok {
		return 0
	}
	n, err := strconv.ParseUint(string(lit), 10, 32)
	if err != nil {
		r.failf("expected %s, found %s", expected, clip(lit))
		return 0
	}
	return uint32(n)
}

func (w *writer) bool(name string, value bool) {
	w.raw(name, strconv.FormatBool(value))
}
