package agent

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/kanade-go/kanade/agent/internal/statedir"
)

// WithSharedStateDir lets the state folder hold what others have put there. Without it
// Run refuses, with [ErrStateForeign], a folder that is not empty and was never an
// agent's: a path that was mistyped as /etc would close /etc to everybody else. It is for
// who knows better, or asks [Config.ForeignEntries] and decides. A folder that an agent
// has used is never refused, whatever else is in it.
func WithSharedStateDir() Option {
	return func(o *options) error {
		o.shared = true
		return nil
	}
}

// ForeignEntries returns up to three names in the state folder that make it somebody
// else's, and "…" if there are more: none if the folder is empty, not there, not readable,
// or was used by an agent of this or of the reference release. The files that the
// configuration names and the program may be in it, and so may own, which are absolute
// paths. The names are as the disk has them: quote them before they are shown.
func (c Config) ForeignEntries(own ...string) []string {
	named := []string{c.LogFile, c.TokenFile, c.PasswordFile, c.NKeyFile, c.CredsFile, c.TLS.CAFile, c.TLS.CertFile, c.TLS.KeyFile}
	if program, err := os.Executable(); err == nil {
		named = append(named, program)
	}
	for _, path := range named {
		if absolute, err := filepath.Abs(path); path != "" && err == nil {
			own = append(own, absolute)
		}
	}
	return statedir.Foreign(c.StateDir, own...)
}

// refuseForeignState comes before anything in the folder is made or closed.
func (a *Agent) refuseForeignState() error {
	if a.opts.shared {
		return nil
	}
	var own []string
	if a.opts.klp != nil {
		own = append(own, a.opts.klp.Path)
	}
	found := a.cfg.ForeignEntries(own...)
	if len(found) == 0 {
		return nil
	}
	for i, name := range found {
		found[i] = quoted(name)
	}
	return fmt.Errorf("%w: %s holds %s; name an empty folder, a new one, or one that an agent has used, or give agent.WithSharedStateDir",
		ErrStateForeign, a.cfg.StateDir, strings.Join(found, ", "))
}
