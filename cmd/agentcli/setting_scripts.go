package agentcli

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// scriptSettings stand in [scripts]. They have no flags: nobody changes them from one
// start to the next.
var scriptSettings = []setting{
	{
		env: "KANADE_SCRIPTS_CPU", key: "scripts.cpu",
		help: "processor time that a script may use, such as 10m, of all processors and processes together",
		show: func(c hostConfig) string { return unlimited(c.ScriptLimits.CPU, c.ScriptLimits.CPU.String()) },
		set:  func(c *hostConfig, v []string) error { return duration(&c.ScriptLimits.CPU, v) },
	},
	{
		env: "KANADE_SCRIPTS_MEMORY", key: "scripts.memory", kind: kindSize,
		help: "memory that a script may use, such as 512MiB, or in bytes",
		show: func(c hostConfig) string {
			return unlimited(c.ScriptLimits.Memory, strconv.FormatInt(c.ScriptLimits.Memory, 10))
		},
		set: func(c *hostConfig, v []string) error { return byteSize(&c.ScriptLimits.Memory, v) },
	},
	{
		env: "KANADE_SCRIPTS_PROCESSES", key: "scripts.processes", kind: kindNumber,
		help: "processes that a script may have at a time, the shell included",
		show: func(c hostConfig) string {
			return unlimited(c.ScriptLimits.Processes, strconv.Itoa(c.ScriptLimits.Processes))
		},
		set: func(c *hostConfig, v []string) error { return natural(&c.ScriptLimits.Processes, v) },
	},
	{
		env: "KANADE_SCRIPTS_LOW_PRIORITY", key: "scripts.low_priority", kind: kindBool,
		help: "true: scripts wait for everything else on the host",
		show: func(c hostConfig) string { return strconv.FormatBool(c.ScriptLimits.LowPriority) },
		set:  func(c *hostConfig, v []string) error { return yesNo(&c.ScriptLimits.LowPriority, v) },
	},
	{
		env: "KANADE_SCRIPTS_CGROUP", key: "scripts.cgroup", kind: kindBool,
		help: "true: each script lives in a cgroup of its own, which it cannot leave (Linux)",
		show: func(c hostConfig) string { return strconv.FormatBool(c.ScriptCgroups) },
		set:  func(c *hostConfig, v []string) error { return yesNo(&c.ScriptCgroups, v) },
	},
}

func unlimited[T comparable](value T, shown string) string {
	var none T
	if value == none {
		return ""
	}
	return shown
}

func duration(into *time.Duration, values []string) error {
	d, err := time.ParseDuration(last(values))
	if err != nil || d < 0 {
		return fmt.Errorf("%s is not a duration such as 90s or 10m", quoted(last(values)))
	}
	*into = d
	return nil
}

// sizeUnits are powers of two; the longer names come first.
var sizeUnits = []struct {
	name  string
	shift uint
}{{"KiB", 10}, {"MiB", 20}, {"GiB", 30}, {"TiB", 40}, {"", 0}}

func byteSize(into *int64, values []string) error {
	for _, unit := range sizeUnits {
		number, found := strings.CutSuffix(last(values), unit.name)
		if !found {
			continue
		}
		n, err := strconv.ParseUint(strings.TrimSpace(number), 10, 63)
		if err != nil || n > 1<<(63-unit.shift)-1 {
			break
		}
		*into = int64(n << unit.shift)
		return nil
	}
	return fmt.Errorf("%s is not a number of bytes such as 1048576, 512MiB or 2GiB", quoted(last(values)))
}
