package exec

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"
)

// errSilent: the launcher writes its mode first of all, unless it is not let run.
var errSilent = errors.New("the launcher told no language mode")

// LanguageMode returns the language mode of scripts that PowerShell runs for this Local: "FullLanguage", or
// "ConstrainedLanguage" on a host where AppLocker or App Control does not trust the staging folder. It is asked once for each
// program, by the first script that runs with it; if there was none, LanguageMode runs an empty one.
// Errors: those of Run, ErrInvalidSpec for a shell that is no PowerShell, ErrBlocked when policy forbids the script itself.
func (l *Local) LanguageMode(ctx context.Context, s Shell) (string, error) {
	if s != PowerShell && s != Pwsh {
		return "", fmt.Errorf("exec: find language mode: %w: %q is no PowerShell", ErrInvalidSpec, s)
	}
	path, err := l.Find(s)
	if err != nil {
		return "", err
	}
	if mode := l.languages.known(path); mode != "" {
		return mode, nil
	}
	out, err := l.Run(ctx, Spec{Shell: s})
	switch {
	case err != nil:
		return "", err
	case out.Language != "":
		return out.Language, nil
	case out.Blocked != "":
		return "", fmt.Errorf("exec: find language mode: %w: %s", ErrBlocked, out.Blocked)
	}
	return "", fmt.Errorf("exec: find language mode: %w: %s, exit code %d", errSilent, out.End, out.Code)
}

// languages remembers the mode by program. A program that was exchanged is asked again.
type languages struct {
	mu    sync.Mutex
	modes map[string]language
}

type language struct {
	mode    string
	changed time.Time // of the program
}

func (l *languages) known(path string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	found, ok := l.modes[path]
	if !ok || !found.changed.Equal(changed(path)) {
		return ""
	}
	return found.mode
}

func (l *languages) learn(path, mode string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.modes == nil {
		l.modes = make(map[string]language)
	}
	l.modes[path] = language{mode: mode, changed: changed(path)}
}

func changed(path string) time.Time {
	info, err := os.Stat(path)
	if err != nil {
		return time.Time{}
	}
	return info.ModTime()
}

// maxMode is longer than any name of a mode.
const maxMode = 64

// toldMode reads what a launcher wrote; empty if it wrote nothing that is a name.
func toldMode(path string) string {
	data, err := os.ReadFile(path)
	mode := strings.TrimSpace(string(data))
	if err != nil || len(mode) > maxMode || strings.ContainsFunc(mode, func(r rune) bool { return r < 'A' || r > 'z' }) {
		return ""
	}
	return mode
}
