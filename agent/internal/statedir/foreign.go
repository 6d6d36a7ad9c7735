package statedir

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// marks: a folder with one of these is an agent's, whatever else is in it. All of them
// but the last two are also made by the release that fleets come from; an agent of
// either makes its outboxes within a second.
var marks = []string{
	"outbox", "events-outbox", "obs-outbox", "script_cache", "local_completions.json", "last_swap.json", "admission", "inventory-outbox", "agent-scripts",
}

// names are what else agents make there. Others have such names too, so that one of them
// is no mark; a folder with nothing but these was an agent's.
var names = []string{
	lockName, formatName, "ledger", "settings", "schedule", "staging", "inventory.json", "status.json", "goroutines.asked", "goroutines.txt",
	"agent.toml", "log", "logs", "release-keys",
}

// anywhere are names of nobody's: file systems and desktops put them into every folder,
// or into the topmost one of a disk.
var anywhere = []string{
	"lost+found", ".DS_Store", ".Trashes", ".Spotlight-V100", ".fseventsd", "desktop.ini", "Thumbs.db", "System Volume Information", "$RECYCLE.BIN",
	".snapshot", ".snapshots", ".zfs", "aquota.user", "aquota.group", ".keep", ".gitkeep",
}

// prefixes are of files whose names differ from host to host: those of the later release
// that fleets come from, of an installation that was cut, and what network disks keep of
// files that are still open.
var prefixes = []string{".boot-sentinel-", ".boot-quarantine-", ".agent.toml.", ".nfs", ".fuse_hidden", ".trash-"}

// mostForeign is how many names [Foreign] returns.
const mostForeign = 3

// Foreign returns the first names in a folder that make it somebody else's, such as /etc
// or a home folder, and "…" if there are more; none if it is an agent's, empty or not
// there. What lies at or below the paths own, which are absolute, and daily files of a log
// of that path, may be in it.
//
// Where it errs, it takes a folder for an agent's. One that cannot be read is left to
// [Open], which says why.
func Foreign(dir string, own ...string) []string {
	if info, err := os.Stat(dir); err != nil || !info.IsDir() || hasMark(dir) {
		return nil
	}
	folder, err := os.Open(dir)
	if err != nil {
		return nil
	}
	defer func() { _ = folder.Close() }() // only read
	dirs, own := owners([]string{dir}), owners(own)
	var found []string
	for {
		entries, err := folder.ReadDir(64)
		for _, e := range entries {
			if isForeign(e.Name(), dirs, own) {
				found = append(found, e.Name())
			}
		}
		if len(found) > mostForeign {
			return append(found[:mostForeign], "…")
		}
		if errors.Is(err, io.EOF) {
			return found
		}
		if err != nil {
			return nil
		}
	}
}

func hasMark(dir string) bool {
	for _, name := range marks {
		if _, err := os.Lstat(filepath.Join(dir, name)); !errors.Is(err, fs.ErrNotExist) {
			return true // or it cannot be told: Open says why
		}
	}
	path := filepath.Join(dir, formatName)
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && isFormat(path)
}

// isFormat looks at the beginning alone: whose file it is is not known yet.
func isFormat(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }() // only read
	var is format
	return json.NewDecoder(io.LimitReader(f, 4<<10)).Decode(&is) == nil && is.Format > 0
}

// owners are the paths at or below which files may be: as they are given, and as they
// are once links are followed, for the program knows itself by the latter.
func owners(own []string) []string {
	all := make([]string, 0, 2*len(own))
	for _, path := range own {
		all = append(all, fold(path), fold(resolved(path)))
	}
	return all
}

// resolved follows the links of as much of a path as is there.
func resolved(path string) string {
	if to, err := filepath.EvalSymlinks(path); err == nil {
		return to
	}
	if above := filepath.Dir(path); above != path {
		return filepath.Join(resolved(above), filepath.Base(path))
	}
	return path
}

// fold makes names comparable as the system compares them.
func fold(name string) string {
	if runtime.GOOS == "windows" {
		return strings.ToLower(name)
	}
	return name
}

func isOneOf(name string, known ...[]string) bool {
	return slices.ContainsFunc(slices.Concat(known...), func(k string) bool { return strings.EqualFold(name, k) })
}

func isForeign(name string, dirs, own []string) bool {
	if isOneOf(strings.TrimSuffix(name, ".tmp"), names, anywhere, marks) {
		return false
	}
	if slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(strings.ToLower(name), p) }) {
		return false
	}
	return !slices.ContainsFunc(dirs, func(dir string) bool {
		path := filepath.Join(dir, fold(name))
		return slices.ContainsFunc(own, func(p string) bool { return leadsTo(path, p) })
	})
}

// leadsTo: a daily file of a log is named like the log, with a day in it; what an update
// leaves beside a program, like the program, with an ending more.
func leadsTo(path, own string) bool {
	if path == own || strings.HasPrefix(own, path+string(filepath.Separator)) || strings.HasPrefix(path, own+".") {
		return true
	}
	ext := filepath.Ext(own)
	return filepath.Ext(path) == ext && strings.HasPrefix(path, strings.TrimSuffix(own, ext)+".")
}
