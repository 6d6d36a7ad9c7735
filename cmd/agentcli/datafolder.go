package agentcli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

const dataDirKey = "agent.data_dir"

// agentMarks: a folder with one of these is an agent's, whatever else is in it. All of
// them but the last two are also made by the release that fleets come from; an agent of
// either makes its outboxes within a second.
var agentMarks = []string{
	"outbox", "events-outbox", "obs-outbox", "script_cache", "local_completions.json", "last_swap.json", "admission", "inventory-outbox", "agent-scripts",
}

// commonNames are found in agents' folders and in others; a folder with nothing but
// these, and what stateNames and stateMarks list, was an agent's or is empty: the file
// system puts some of them into every folder that is a disk of its own.
var commonNames = []string{"staging", "lost+found", ".DS_Store", "desktop.ini", "Thumbs.db", "System Volume Information", "$RECYCLE.BIN", ".snapshot", ".snapshots"}

var errForeignFolder = errors.New("is not empty and not the data folder of an agent")

// checkDataDir refuses a data folder that is plainly something else's, such as /etc or
// a home folder: an agent closes its folder to everybody else. The usual folder is
// never refused; other programs of a fleet share it. What cannot be read is left to the
// agent, which says why.
func (l loaded) checkDataDir(usual string) error {
	dir := l.config.StateDir
	if dir == "" || samePath(dir, usual) || hasMark(dir) {
		return nil
	}
	names, err := foreignNames(dir, l.ownPaths())
	if err != nil || len(names) == 0 {
		return nil //nolint:nilerr // opening it fails too, with more to say
	}
	return fmt.Errorf("data folder %s (from %s) %w: it holds %s; name an empty one, a new one, or one that an agent has used",
		visible(dir), l.origins[dataDirKey], errForeignFolder, strings.Join(names, ", "))
}

func hasMark(dir string) bool {
	for _, name := range agentMarks {
		if _, err := os.Lstat(filepath.Join(dir, name)); err == nil {
			return true
		}
	}
	path := filepath.Join(dir, "FORMAT")
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && isFormat(path)
}

// mostForeign is how many names an error lists.
const mostForeign = 3

// foreignNames are the first entries of a folder that are neither an agent's nor lead
// to one of the paths.
func foreignNames(dir string, own []string) (names []string, err error) {
	folder, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer func() { _ = folder.Close() }() // only read
	for {
		entries, err := folder.ReadDir(64)
		for _, e := range entries {
			if isForeign(e.Name(), dir, own) {
				names = append(names, visible(shortened(e.Name(), mostQuoted)))
			}
		}
		if len(names) > mostForeign {
			return append(names[:mostForeign], "…"), nil
		}
		if errors.Is(err, io.EOF) {
			return names, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

func isForeign(name, dir string, own []string) bool {
	bare := strings.TrimSuffix(name, ".tmp")
	for _, known := range [][]string{stateNames, stateMarks, commonNames} {
		if slices.Contains(known, bare) {
			return false
		}
	}
	if strings.HasPrefix(name, ".boot-sentinel-") || strings.HasPrefix(name, ".boot-quarantine-") {
		return false
	}
	path := filepath.Join(dir, name)
	return !slices.ContainsFunc(own, func(p string) bool { return leadsTo(path, p) })
}

// leadsTo: a file of the log is named like the log, with a day in it.
func leadsTo(path, own string) bool {
	if samePath(path, own) || strings.HasPrefix(own, path+string(filepath.Separator)) {
		return true
	}
	ext := filepath.Ext(own)
	return filepath.Ext(path) == ext && strings.HasPrefix(path, strings.TrimSuffix(own, ext)+".")
}

func samePath(a, b string) bool {
	relative, err := filepath.Rel(a, b)
	return err == nil && relative == "."
}

// ownPaths are the files that the configuration names, it itself, and the program: they
// may stand in the data folder.
func (l loaded) ownPaths() (paths []string) {
	c := l.config
	named := []string{
		c.LogFile, c.TokenFile, c.PasswordFile, c.NKeyFile, c.CredsFile, c.TLS.CAFile, c.TLS.CertFile, c.TLS.KeyFile, c.Update.Keys, c.KLP.Path,
	}
	if program, err := os.Executable(); err == nil {
		named = append(named, program)
	}
	for _, path := range append(named, l.files...) {
		if absolute, err := filepath.Abs(path); path != "" && err == nil {
			paths = append(paths, absolute)
		}
	}
	return paths
}
