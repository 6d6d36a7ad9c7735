//go:build unix && !darwin

package agentcli

import (
	"context"
	"errors"
	"os"
	"regexp"

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
	if err := d.check(); err != nil {
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

// configInScript is the option in whatever quotes the script's language has.
var configInScript = regexp.MustCompile(`--` + configFlag + `"?\s+"?([^"'\s]+)`)

// CommandLine finds no more of it than the configuration.
func (r scriptRegistry) CommandLine(context.Context) ([]string, error) {
	text, there, err := readIfThere(r.path)
	if err != nil {
		return nil, err
	}
	if !there {
		return nil, service.ErrNotInstalled
	}
	if found := configInScript.FindStringSubmatch(text); found != nil {
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
