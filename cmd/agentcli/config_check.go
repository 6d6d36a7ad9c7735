package agentcli

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/kanade-go/kanade/agent"
)

func (l *loader) checkTables() {
	for _, table := range []string{"agent", "log"} {
		if l.file.lacks(table) {
			l.failed(l.file.problem(table, "table ["+table+"] is missing"))
		}
	}
	required := map[string]bool{"agent.id": true, "agent.nats_url": true, "log.path": true, "log.level": true}
	for _, s := range append([]setting{levelSetting}, plainSettings...) {
		table, _, _ := strings.Cut(s.key, ".")
		if required[s.key] && len(l.file.values[table]) > 0 && l.lacks(s) && !l.given(s.flag, s.env) {
			l.failed(l.file.problem(table, s.key+" is missing"))
		}
	}
	if len(l.file.get("agent.groups")) > 0 {
		l.warn(l.file.problem("agent.groups", "agent.groups is deprecated and has no effect; groups come from the broker"))
	}
}

// lacks reports whether the file says nothing of a setting.
func (l *loader) lacks(s setting) bool {
	for _, key := range s.keys() {
		if !l.file.lacks(key) {
			return false
		}
	}
	return true
}

// alone finds what is wrong with a value whatever the other settings are.
func (s setting) alone(values []string) []error {
	c := hostConfig{Config: agent.Config{ID: "any", StateDir: anyFolder()}}
	if last(values) != "" { // half a pair is nothing to say of one half
		c.TLS = agent.TLSConfig{CertFile: c.StateDir, KeyFile: c.StateDir}
	}
	if s.set(&c, values) != nil {
		return nil
	}
	return separated(c.Validate())
}

// anyFolder is absolute, as a state folder must be.
func anyFolder() string {
	folder, err := filepath.Abs("state")
	if err != nil {
		return os.TempDir()
	}
	return folder
}
