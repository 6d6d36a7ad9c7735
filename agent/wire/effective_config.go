package wire

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// EffectiveConfig is the settings of a host, merged from its scopes. Two of them
// can be compared with ==. [DefaultConfig] is what holds without any scope.
type EffectiveConfig struct {
	// TargetVersion is the release that the host should run, as the text that
	// names it in the object store; "": none is asked for.
	TargetVersion string
	// TargetVersionJitter is the longest wait before an update, 0 to 7 days.
	// Default 0.
	TargetVersionJitter time.Duration
	// HeartbeatInterval is how often the host says that it is there, 1 s to 24 h.
	// Default 30 s.
	HeartbeatInterval time.Duration
	// HostPerfInterval is how often the load of the host, and of its processes, is
	// sampled, 1 s to 24 h. Default 60 s.
	HostPerfInterval time.Duration
	// ProcessPerfEnabled turns the samples of processes on; ask ProcessPerfActive.
	ProcessPerfEnabled bool
	// ProcessPerfExpiresAt is when they end, in UTC; the zero time: never.
	ProcessPerfExpiresAt time.Time
	// ProcessPerfTopN is how many processes a sample has, 1 to 1,000. Default 20.
	ProcessPerfTopN int
	// MaxLocalConcurrent is how many scripts run at once, 1 to 1,000; 0: no scope
	// says, and the host takes its own number.
	MaxLocalConcurrent int

	// InventoryEnabled: the host publishes what it is. Default true.
	InventoryEnabled bool
	// InventoryInterval is how often it looks for changes, 1 min to 24 h. Default
	// 1 h.
	InventoryInterval time.Duration
	// InventoryJitter is over how long a fleet that does the same at the same time
	// spreads it, 0 to 24 h. Default 5 min.
	InventoryJitter time.Duration
	// InventorySections are the names of those that are published, with commas
	// between them; "": all.
	InventorySections string
}

// ProcessPerfActive reports whether processes are sampled at a time.
func (c EffectiveConfig) ProcessPerfActive(at time.Time) bool {
	return c.ProcessPerfEnabled && (c.ProcessPerfExpiresAt.IsZero() || at.Before(c.ProcessPerfExpiresAt))
}

const (
	defaultHeartbeat = 30 * time.Second
	defaultHostPerf  = 60 * time.Second
	defaultTopN      = 20
	// unreadableJitter stands for a jitter that cannot be read. Somebody wanted
	// one: without any, a slip of the pen would update the whole fleet at once.
	unreadableJitter = 10 * time.Minute

	minInterval = time.Second
	maxInterval = 24 * time.Hour
	maxJitter   = 7 * 24 * time.Hour
	maxTopN     = 1000
	// maxConcurrent is beyond what a host can run at once and below what would
	// fill its memory with output (16 MiB a script).
	maxConcurrent = 1000
)

// DefaultConfig is the settings of a host that no scope says anything about.
func DefaultConfig() EffectiveConfig {
	return EffectiveConfig{
		HeartbeatInterval: defaultHeartbeat, HostPerfInterval: defaultHostPerf, ProcessPerfTopN: defaultTopN,
		InventoryEnabled: true, InventoryInterval: defaultInventory, InventoryJitter: defaultInventoryJitter,
	}
}

// GroupScope is the scope of a group.
type GroupScope struct {
	Group string
	ConfigScope
}

// ConfigProblem is something about a scope that the merge had to do without.
type ConfigProblem struct {
	// Key of the scope in the bucket agent_config; "" for a conflict of groups.
	Key string
	// Field as the document calls it.
	Field string
	// Text says what is wrong and what counts instead. It shows at most 32 bytes
	// of a value.
	Text string
}

// MergeConfig merges field by field: the defaults, then global, then the groups
// in ascending byte order of their names, then the host; what comes later counts.
// The order of groups does not matter, and of two scopes with the same name the
// first one counts. pcKey is the host's key, for problems.
//
// A value that is set but cannot be used is replaced and reported: a duration
// that cannot be read by the default (a jitter: by 10 minutes), a value outside
// its bounds by the bound. Groups that set the same field are reported too.
func MergeConfig(global ConfigScope, groups []GroupScope, pcKey string, pc ConfigScope) (EffectiveConfig, []ConfigProblem) {
	m := merger{config: DefaultConfig(), setters: make(map[string][]string)}
	m.apply(ConfigKeyGlobal, global, nil)
	groups = slices.Clone(groups)
	slices.SortStableFunc(groups, func(a, b GroupScope) int { return strings.Compare(a.Group, b.Group) })
	groups = slices.CompactFunc(groups, func(a, b GroupScope) bool { return a.Group == b.Group })
	for _, g := range groups {
		m.apply(ConfigKeyGroup(g.Group), g.ConfigScope, func(field string) {
			m.setters[field] = append(m.setters[field], g.Group)
		})
	}
	m.apply(pcKey, pc, nil)
	return m.config, append(m.problems, m.conflicts()...)
}

// merger is one merge.
type merger struct {
	config   EffectiveConfig
	problems []ConfigProblem
	setters  map[string][]string // groups by the field that they set
}

var configFields = []string{
	"target_version", "target_version_jitter", "heartbeat_interval", "host_perf_interval",
	"process_perf_enabled", "process_perf_expires_at", "process_perf_top_n", "max_local_concurrent",
	"inventory_enabled", "inventory_interval", "inventory_jitter", "inventory_sections",
}

// apply lets a scope override; noted is called with each field that it sets.
func (m *merger) apply(key string, s ConfigScope, noted func(field string)) {
	note := func(i int) string {
		if noted != nil {
			noted(configFields[i])
		}
		return configFields[i]
	}
	c := &m.config
	setTo(s.TargetVersion, func(v string) { note(0); c.TargetVersion = v })
	setTo(s.TargetVersionJitter, func(v string) {
		c.TargetVersionJitter = m.duration(key, note(1), v, unreadableJitter, 0, maxJitter)
	})
	setTo(s.HeartbeatInterval, func(v string) {
		c.HeartbeatInterval = m.duration(key, note(2), v, defaultHeartbeat, minInterval, maxInterval)
	})
	setTo(s.HostPerfInterval, func(v string) {
		c.HostPerfInterval = m.duration(key, note(3), v, defaultHostPerf, minInterval, maxInterval)
	})
	setTo(s.ProcessPerfEnabled, func(v bool) { note(4); c.ProcessPerfEnabled = v })
	setTo(s.ProcessPerfExpiresAt, func(v time.Time) { note(5); c.ProcessPerfExpiresAt = v })
	setTo(s.ProcessPerfTopN, func(v uint32) { c.ProcessPerfTopN = m.count(key, note(6), uint64(v), maxTopN) })
	setTo(s.MaxLocalConcurrent, func(v uint64) { c.MaxLocalConcurrent = m.count(key, note(7), v, maxConcurrent) })
	setTo(s.InventoryEnabled, func(v bool) { note(8); c.InventoryEnabled = v })
	setTo(s.InventoryInterval, func(v string) {
		c.InventoryInterval = m.duration(key, note(9), v, defaultInventory, minInventory, maxInterval)
	})
	setTo(s.InventoryJitter, func(v string) {
		c.InventoryJitter = m.duration(key, note(10), v, defaultInventoryJitter, 0, maxInterval)
	})
	setTo(s.InventorySections, func(v string) { note(11); c.InventorySections = v })
}

func (m *merger) duration(key, field, text string, unreadable, least, most time.Duration) time.Duration {
	d, err := ParseDuration(text)
	if err != nil {
		m.problem(key, field, fmt.Sprintf("%v; %s is used", err, FormatDuration(unreadable)))
		return unreadable
	}
	bounded := min(max(d, least), most)
	if bounded != d {
		m.problem(key, field, fmt.Sprintf("%s is outside %s to %s; %s is used",
			clip(text), FormatDuration(least), FormatDuration(most), FormatDuration(bounded)))
	}
	return bounded
}

func (m *merger) count(key, field string, n, most uint64) int {
	bounded := min(max(n, 1), most)
	if bounded != n {
		m.problem(key, field, fmt.Sprintf("%d is outside 1 to %d; %d is used", n, most, bounded))
	}
	return int(bounded)
}

func (m *merger) problem(key, field, text string) {
	m.problems = append(m.problems, ConfigProblem{Key: key, Field: field, Text: text})
}

func (m *merger) conflicts() (all []ConfigProblem) {
	for _, field := range configFields {
		if by := m.setters[field]; len(by) > 1 {
			all = append(all, ConfigProblem{Field: field, Text: fmt.Sprintf(
				"set by %d groups of this host, in this order: %s; the last one counts", len(by), few(by))})
		}
	}
	return all
}

// few lists names, not more than the last maxProblems of them.
func few(names []string) string {
	if len(names) <= maxProblems {
		return strings.Join(names, ", ")
	}
	return "..., " + strings.Join(names[len(names)-maxProblems:], ", ")
}
