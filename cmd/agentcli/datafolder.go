package agentcli

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
)

const dataDirKey = "agent.data_dir"

var errForeignFolder = errors.New("is not empty and not the data folder of an agent")

// checkDataDir refuses a data folder that is plainly something else's, such as /etc or
// a home folder: an agent closes its folder to everybody else. The usual folder is
// never refused; other programs of a fleet share it. What cannot be read is left to the
// agent, which says why. The paths more may be in it too.
func (l loaded) checkDataDir(usual string, more ...string) error {
	dir := l.config.StateDir
	if dir == "" || samePath(dir, usual) {
		return nil
	}
	names := l.config.ForeignEntries(append(l.ownPaths(), more...)...)
	if len(names) == 0 {
		return nil
	}
	for i, name := range names {
		names[i] = visible(shortened(name, mostQuoted))
	}
	return fmt.Errorf("data folder %s (from %s) %w: it holds %s; name an empty one, a new one, or one that an agent has used",
		visible(dir), l.origins[dataDirKey], errForeignFolder, strings.Join(names, ", "))
}

func samePath(a, b string) bool {
	relative, err := filepath.Rel(a, b)
	return err == nil && relative == "."
}

// ownPaths are the files of this program that may stand in the data folder, besides
// those that the agent's own configuration names.
func (l loaded) ownPaths() (paths []string) {
	for _, path := range append([]string{l.config.Update.Keys, l.config.KLP.Path}, l.files...) {
		if absolute, err := filepath.Abs(path); path != "" && err == nil {
			paths = append(paths, absolute)
		}
	}
	return paths
}
