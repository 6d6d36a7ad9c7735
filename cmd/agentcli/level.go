package agentcli

import (
	"fmt"
	"log/slog"
	"strings"
)

const (
	levelTrace = slog.LevelDebug - 4
	levelOff   = slog.LevelError + 4
)

var levels = map[string]slog.Level{
	"trace": levelTrace, "debug": slog.LevelDebug, "info": slog.LevelInfo,
	"warn": slog.LevelWarn, "error": slog.LevelError, "off": levelOff,
}

// logTarget is the name by which filters mean this program.
const logTarget = "kanade_agent"

// filterLevel reads a filter such as "info" or "warn,kanade_agent=debug". What
// names this program wins over a bare level; parts about other modules and
// parts that are not valid are ignored. ok is false if nothing was left.
func filterLevel(filter string) (level slog.Level, ok bool) {
	named := false
	for part := range strings.SplitSeq(filter, ",") {
		target, name, targeted := strings.Cut(strings.TrimSpace(part), "=")
		if !targeted {
			name = target
		}
		found, valid := levels[strings.ToLower(strings.TrimSpace(name))]
		switch {
		case !valid, targeted && strings.TrimSpace(target) != logTarget, named && !targeted:
		default:
			level, ok, named = found, true, targeted
		}
	}
	return level, ok
}

// strictLevel is for flags and our own variables, where a typing error is one.
func strictLevel(filter string) (slog.Level, error) {
	level, ok := filterLevel(filter)
	if !ok {
		return 0, fmt.Errorf("no log level in %s; use trace, debug, info, warn, error or off", quoted(filter))
	}
	return level, nil
}
