package agentcli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/kanade-go/kanade/agent"
)

// stateNames are what agents make in their state folder. Whatever else is there is
// somebody else's: folders are shared, and a wrong one may have been configured.
var stateNames = []string{
	"outbox", "events-outbox", "obs-outbox", "inventory-outbox", "ledger", "settings", "schedule", "script_cache", "agent-scripts",
	"inventory.json", "local_completions.json", agent.StatusFile, "goroutines.asked", "goroutines.txt",
}

// stateMarks are in every state folder, since the first start. They go last, FORMAT
// after all: what is left by a purge that was cut is known by it.
var stateMarks = []string{"lock", "FORMAT"}

var errNoStateFolder = errors.New("is not the state folder of an agent")

// checkStateDir: only in a folder of ours are those names ours.
func checkStateDir(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(entries) == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	is := map[string]fs.FileMode{}
	for _, e := range entries {
		is[e.Name()] = e.Type() | 1 // a regular file has none
	}
	const file, folder = 1, fs.ModeDir | 1
	switch {
	case is["FORMAT"] != file:
		return fmt.Errorf("%s %w: it has no file FORMAT", dir, errNoStateFolder)
	case is["lock"] != file && len(entries) > 1:
		return fmt.Errorf("%s %w: it has no file lock", dir, errNoStateFolder)
	case is["ledger"] != folder && !isFormat(filepath.Join(dir, "FORMAT")):
		return fmt.Errorf("%s %w: its file FORMAT is of something else", dir, errNoStateFolder)
	}
	return nil
}

// isFormat: a disk may have damaged it, so that it is not asked alone.
func isFormat(path string) bool {
	text, err := readBounded(path, 4<<10)
	var is struct {
		Format int `json:"format"`
	}
	return err == nil && json.Unmarshal([]byte(text), &is) == nil && is.Format > 0
}

// lockPatience is how long a process may have the folder after its manager said that
// the service has stopped.
const lockPatience = 5 * time.Second

// waitForEnd: nothing is taken from an agent that runs, whoever started it, and
// whether it hangs or not.
func (p *purge) waitForEnd() error {
	for until := time.Now().Add(p.patience); ; time.Sleep(50 * time.Millisecond) {
		_, err := agent.ReadStatus(p.stateDir)
		switch {
		case errors.Is(err, agent.ErrNotRunning):
			return nil
		case err == nil:
			return fmt.Errorf("an agent runs in %s; stop it first", p.stateDir)
		case time.Now().After(until):
			return fmt.Errorf("an agent has %s, or it cannot be found out; stop it first: %w", p.stateDir, err)
		}
	}
}

// removeState removes what is the agent's from its folder, and the folder if nothing
// else is in it. Nothing outside of the folder is touched, whatever is a link there.
func (p *purge) removeState() error {
	root, err := os.OpenRoot(p.stateDir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	n, all := 0, []error(nil)
	for _, name := range append(append([]string{}, stateNames...), stateMarks...) {
		for _, name := range []string{name + ".tmp", name} {
			removed, err := p.removeIn(root, name)
			n, all = n+removed, append(all, err)
		}
	}
	all = append(all, root.Close())
	if n > 0 {
		p.removed = append(p.removed, "the state removed from "+p.stateDir)
	}
	p.removeEmpty(p.stateDir)
	return errors.Join(all...)
}

func (p *purge) removeIn(root *os.Root, name string) (removed int, err error) {
	info, err := root.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	if info.Mode()&fs.ModeSymlink != 0 {
		p.left = append(p.left, "what "+filepath.Join(root.Name(), name)+" led to stays: it was a link")
	}
	if err := root.RemoveAll(name); err != nil {
		return 0, err
	}
	return 1, nil
}
