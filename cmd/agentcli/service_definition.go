package agentcli

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"unicode"
	"unicode/utf8"
)

// serviceDefinition is what a service manager has to know of the agent. All paths
// are absolute.
type serviceDefinition struct {
	Name, DisplayName, Description string
	Program                        string
	Arguments                      []string
	Config                         string // that run is given; empty: it finds its own
	StateDir, LogFile              string
}

// serviceNames is what all managers take, and what is safe in a path and a command line.
var serviceNames = pattern(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,79}$`)

var errServiceName = errors.New("a service's name has letters, digits and _.-, at most 80, and begins with a letter or digit")

func checkServiceName(name string) error {
	if !serviceNames().MatchString(name) {
		return fmt.Errorf("service name %q: %w", name, errServiceName)
	}
	return nil
}

// check refuses what cannot stand on a line of a file.
func (d serviceDefinition) check() error {
	if err := checkServiceName(d.Name); err != nil {
		return err
	}
	for _, text := range append([]string{d.DisplayName, d.Description, d.Program, d.Config, d.StateDir, d.LogFile}, d.Arguments...) {
		if strings.ContainsFunc(text, unicode.IsControl) {
			return fmt.Errorf("%q has a control character, which no service manager takes", text)
		}
		if !utf8.ValidString(text) {
			return fmt.Errorf("%q is not UTF-8 text, which service managers leave out or change", text)
		}
	}
	if !filepath.IsAbs(d.Program) {
		return fmt.Errorf("program %q is not an absolute path", d.Program)
	}
	return nil
}

// logDir is the folder of the log; empty: there is none.
func (d serviceDefinition) logDir() string {
	if d.LogFile == "" {
		return ""
	}
	return filepath.Dir(d.LogFile)
}

// configOf finds the configuration file in the command line of a service.
func configOf(line []string) string {
	for i, arg := range line {
		if path, found := strings.CutPrefix(arg, "--"+configFlag+"="); found {
			return path
		}
		if arg == "--"+configFlag && i+1 < len(line) {
			return line[i+1]
		}
	}
	return ""
}
