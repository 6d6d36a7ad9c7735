//go:build unix && !darwin

package agentcli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/kardianos/service"
)

// scriptRegistry is for managers that start a script: the service library writes it.
type scriptRegistry struct {
	service interface {
		Install() error
		Uninstall() error
	}
	path string
}

func (r scriptRegistry) Register(_ context.Context, d serviceDefinition) ([]change, error) {
	if err := errors.Join(d.check(), d.checkForScript()); err != nil {
		return nil, err
	}
	before, there, err := readIfThere(r.path)
	if err != nil {
		return nil, err
	}
	if there { // the library does not write over it
		if err := os.Remove(r.path); err != nil {
			return nil, err
		}
	}
	if err := r.service.Install(); err != nil {
		if there {
			err = errors.Join(err, replaceFile(r.path, []byte(before), 0o755))
		}
		return nil, err
	}
	after, _, err := readIfThere(r.path)
	switch {
	case err != nil:
		return nil, err
	case !there:
		return []change{major("%s written", r.path)}, nil
	case after != before:
		return []change{major("%s updated", r.path)}, nil
	}
	return nil, nil
}

// shellWords need no quotes in the script, which has none for them.
var shellWords = pattern(`^[A-Za-z0-9/._+=:,@%-]*$`)

// checkForScript refuses what the shell that runs the script would take for more than
// a text.
func (d serviceDefinition) checkForScript() error {
	for _, word := range append([]string{d.Program}, d.Arguments...) {
		if !shellWords().MatchString(word) {
			return fmt.Errorf("%q has characters that the script of this service manager cannot hold; use letters, digits and /._+=:,@%%-", word)
		}
	}
	for _, text := range []string{d.DisplayName, d.Description} {
		if strings.ContainsAny(text, "\"'`$\\") {
			return fmt.Errorf("%q has quotes, dollars or backslashes, which the script of this service manager cannot hold", text)
		}
	}
	return nil
}

// configInScript is the option in whatever quotes the script's language has.
var configInScript = pattern(`--` + configFlag + `"?\s+"?([^"'\s]+)`)

// CommandLine finds no more of it than the configuration.
func (r scriptRegistry) CommandLine(context.Context) ([]string, error) {
	text, there, err := readIfThere(r.path)
	if err != nil {
		return nil, err
	}
	if !there {
		return nil, service.ErrNotInstalled
	}
	if found := configInScript().FindStringSubmatch(text); found != nil {
		return []string{"--" + configFlag, found[1]}, nil
	}
	return nil, nil
}

func (r scriptRegistry) Unregister(context.Context) ([]string, error) {
	if err := r.service.Uninstall(); err != nil {
		return nil, err
	}
	return []string{r.path + " removed"}, nil
}
