package agentcli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// purge removes what an agent leaves on a host.
type purge struct {
	tree     tree
	config   string // empty: there is none
	folder   string // where it is, or was
	found    loaded
	program  string
	stateDir string
	patience time.Duration // with a lock that is still held

	lost    int      // records that the broker does not have
	removed []string // in words
	left    []string // what stays, and why
}

// planPurge finds out what belongs to the agent, from the configuration of the service
// that has this command line. It removes nothing.
func (t tree) planPurge(flags flagValues, line []string) (purge, error) {
	p := purge{tree: t, stateDir: t.around.dirs.data, patience: lockPatience}
	p.found.config.StateDir = t.around.dirs.data
	p.found.config.LogFile = filepath.Join(t.around.dirs.logs, logName)
	if err := p.findConfig(flags, line); err != nil {
		return purge{}, err
	}
	p.stateDir = p.found.config.StateDir
	p.program, _ = programPath("") // without it nothing lies beside it
	if len(line) > 0 && filepath.IsAbs(line[0]) {
		p.program = line[0]
		if path, err := filepath.EvalSymlinks(p.program); err == nil {
			p.program = path // an update is beside what a link leads to
		}
	}
	return p, checkStateDir(p.stateDir)
}

func (p *purge) findConfig(flags flagValues, line []string) error {
	path := configOf(line)
	if path != "" && !filepath.IsAbs(path) {
		return fmt.Errorf("the service reads %s, which depends on the folder that it starts in; say with --%s which file that is", path, configFlag)
	}
	if given := flags.get(configFlag); len(given) > 0 {
		var err error
		if path, err = filepath.Abs(last(given)); err != nil {
			return err
		}
	}
	if path == "" {
		path = filepath.Join(p.tree.around.dirs.config, configName)
	}
	p.folder = filepath.Dir(path)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) && len(flags.get(configFlag)) == 0 {
		return nil // an earlier purge came as far as that, or somebody has removed it by hand
	}
	found, err := load(flagValues{configFlag: {path}}, p.tree.around.unaffected())
	if err == nil {
		err = found.standsAnywhere()
	}
	if err != nil {
		return fmt.Errorf("the configuration does not say what belongs to the agent: %w; mend it, or remove it: then what is in the usual folders goes", err)
	}
	p.config, p.found = path, found
	return nil
}

// do removes everything. It goes on after an error: a second run does the rest.
func (p *purge) do() error {
	if err := p.waitForEnd(); err != nil {
		return err
	}
	p.countLost()
	all := []error{p.removeState(), p.removeLogs(), p.removeConfig(), p.removeUpdates()}
	if above := filepath.Dir(p.stateDir); filepath.Dir(p.folder) == above {
		_ = os.Remove(above) // the one folder above all others, as on Windows, unless something else is in it
	}
	if stored, err := removeStoredSecrets(); stored || err != nil {
		p.removed = append(p.removed, "secrets in the registry removed")
		all = append(all, err)
	}
	if p.program != "" {
		p.left = append(p.left, p.program+" stays: it is the program")
	}
	return errors.Join(all...)
}

// purgeEntry removes what the manager's entry has beside it, where it has some.
func (p *purge) purgeEntry(ctx context.Context, registry serviceRegistry) error {
	more, has := registry.(interface {
		Purge(context.Context) ([]string, error)
	})
	if !has {
		return nil
	}
	removed, err := more.Purge(ctx)
	p.removed = append(p.removed, removed...)
	return err
}

// countLost says what nobody will have: results are promised.
func (p *purge) countLost() {
	boxes, err := p.tree.openBoxes(outboxOptions{flags: flagValues{dataDirFlag: {p.stateDir}}})
	if err != nil {
		return // there are none
	}
	for _, box := range boxes.boxes {
		if entries, err := box.List(); err == nil {
			p.lost += len(entries)
		}
	}
	if p.lost > 0 {
		p.left = append(p.left, counted(p.lost, "record")+" that the broker does not have went with "+p.stateDir)
	}
}

// remove removes a file. A folder in its place is not the agent's; of a link the link
// is.
func (p *purge) remove(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.IsDir():
		p.left = append(p.left, path+" stays: it is a folder, and a file should be there")
		return nil
	}
	if err := os.Remove(path); err != nil {
		return err
	}
	p.removed = append(p.removed, path+" removed")
	return nil
}

// removeEmpty removes a folder that nothing is left in, and says what is left in
// another one.
func (p *purge) removeEmpty(dir string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	if len(entries) > 0 {
		p.left = append(p.left, dir+" stays: "+entries[0].Name()+" and what else is in it is not the agent's")
		return
	}
	if os.Remove(dir) == nil { // a place where something is mounted stays
		p.removed = append(p.removed, dir+" removed")
	}
}

// removeLogs removes the files whose names the log gives, and those of launchd.
func (p *purge) removeLogs() (err error) {
	if p.found.config.LogFile == "" {
		return nil
	}
	d := newDailyFile(p.found.config.LogFile, 1, func(error) {})
	entries, err := os.ReadDir(d.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	n := 0
	for _, entry := range entries {
		_, ours := d.dayOf(entry)
		if ours || entry.Name() == p.tree.brand.ServiceName+".err.log" {
			err = errors.Join(err, os.Remove(filepath.Join(d.dir, entry.Name())))
			n++
		}
	}
	if n > 0 {
		p.removed = append(p.removed, counted(n, "log file")+" removed from "+d.dir)
	}
	p.removeEmpty(d.dir)
	return err
}

// removeConfig removes the file, and what lies beside it for it alone.
func (p *purge) removeConfig() error {
	var all []error
	if p.config != "" {
		all = p.removeFiles()
	}
	keys := filepath.Join(p.folder, releaseKeysFolder)
	public, err := filepath.Glob(filepath.Join(keys, "*.pub"))
	for _, path := range public {
		all = append(all, p.remove(path))
	}
	p.removeEmpty(keys)
	p.removeEmpty(p.folder)
	return errors.Join(append(all, err)...)
}

// removeFiles removes the configuration and, in its folder, the secrets that it names.
func (p *purge) removeFiles() []error {
	all := []error{p.remove(p.config)}
	c := p.found.config
	for _, path := range []string{c.TokenFile, c.PasswordFile, c.NKeyFile, c.CredsFile} {
		switch {
		case path == "":
		case filepath.Dir(path) == p.folder:
			all = append(all, p.remove(path))
		default:
			p.left = append(p.left, path+" stays: it is not in "+p.folder)
		}
	}
	for _, path := range p.found.files {
		if path != p.config {
			p.left = append(p.left, path+" stays: the configuration included it")
		}
	}
	return all
}

// updateMarks are in the names of what an update keeps beside the program.
var updateMarks = []string{"new", "old", "older", "last-good"}

func (p *purge) removeUpdates() (err error) {
	if p.program == "" {
		return nil
	}
	stem, ext := p.program, ""
	if e := filepath.Ext(stem); strings.EqualFold(e, ".exe") {
		stem, ext = strings.TrimSuffix(stem, e), e
	}
	record := stem + ".update.json"
	switch _, err := os.Lstat(record); {
	case errors.Is(err, fs.ErrNotExist):
		return nil // no update was ever here, and a file such as agent.old is somebody's own
	case err != nil:
		return err
	}
	for _, mark := range updateMarks {
		beside := stem + "." + mark + ext
		err = errors.Join(err, p.remove(beside), p.remove(beside+".tmp"))
	}
	return errors.Join(err, p.remove(record+".tmp"), p.remove(record)) // last: without it the others are not known
}
