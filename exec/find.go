package exec

import (
	"fmt"
	"os"
	osexec "os/exec"
	"strings"
	"sync"
	"time"
)

// foundFor is how long a program that was found is taken to be still there: a burst of scripts need not walk the PATH
// for each of them. One that went meanwhile makes the start fail.
const foundFor = time.Second

// finder looks for the programs of shells and remembers for a moment where they are.
type finder struct {
	mu    sync.Mutex
	found map[Shell]location
}

type location struct {
	program string
	path    string // the PATH that led there
	at      time.Time
}

func (f *finder) find(s Shell) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	path := os.Getenv("PATH")
	if l, ok := f.found[s]; ok && l.path == path && time.Since(l.at) < foundFor {
		return l.program, nil
	}
	program, err := find(s)
	if err != nil {
		return "", err
	}
	if f.found == nil {
		f.found = make(map[Shell]location)
	}
	f.found[s] = location{program: program, path: path, at: time.Now()}
	return program, nil
}

// find returns the path of the first program on the PATH that serves as the shell.
func find(s Shell) (string, error) {
	names, err := programs(s)
	if err != nil {
		return "", err
	}
	for _, name := range names {
		// An error beside a path means the current directory, where nothing is taken from.
		if path, err := osexec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("%w: no %s on the PATH", ErrShellNotFound, strings.Join(names, " or "))
}
