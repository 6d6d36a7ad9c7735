package agentcli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kardianos/service"
)

// serviceRegistry is where a service manager keeps what it knows of one service.
type serviceRegistry interface {
	// Register makes the entry what d says, and the service start with the host. It
	// returns what it changed; nothing: all was so already.
	Register(ctx context.Context, d serviceDefinition) (changed []change, err error)
	// CommandLine is what the entry has the manager run. The error matches
	// [service.ErrNotInstalled] when there is no entry.
	CommandLine(ctx context.Context) ([]string, error)
	// Unregister removes the entry and all that belongs to it.
	Unregister(ctx context.Context) (removed []string, err error)
}

// commandRunner runs a program of the host and returns what it wrote to its standard
// output.
type commandRunner func(ctx context.Context, program string, args ...string) (string, error)

func runCommand(ctx context.Context, program string, args ...string) (string, error) {
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if err != nil {
		err = fmt.Errorf("%s %s: %w: %s", program, strings.Join(args, " "), err, oneLine(errors.New(errs.String())))
	}
	return out.String(), err
}

// replaceFile writes a file that is there as a whole or as it was.
func replaceFile(path string, data []byte, mode os.FileMode) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*.tmp")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// readIfThere returns nothing for a file that is not there.
func readIfThere(path string) (string, bool, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return "", false, nil
	}
	return string(data), err == nil, err
}

// fileRegistry is one whose managers look into a folder at the start of the host:
// the entry is one file.
type fileRegistry struct {
	path    string
	text    func(serviceDefinition) string
	command func(string) ([]string, error)
}

func (r fileRegistry) Register(_ context.Context, d serviceDefinition) ([]change, error) {
	return r.write(d)
}

func (r fileRegistry) write(d serviceDefinition) ([]change, error) {
	if err := d.check(); err != nil {
		return nil, err
	}
	want := r.text(d)
	now, there, err := readIfThere(r.path)
	switch {
	case err != nil:
		return nil, err
	case now == want:
		return nil, nil
	}
	if err := os.MkdirAll(filepath.Dir(r.path), 0o755); err != nil {
		return nil, err
	}
	if err := replaceFile(r.path, []byte(want), 0o644); err != nil {
		return nil, err
	}
	if !there {
		return []change{major("%s written", r.path)}, nil
	}
	changed := r.path + " updated"
	before, _ := r.command(now) // of a file that is broken nothing can be said
	if after, err := r.command(want); err == nil && len(before) > 0 && !slices.Equal(before, after) {
		changed += "; before, the service ran: " + strings.Join(before, " ")
	}
	return []change{major("%s", changed)}, nil
}

func (r fileRegistry) CommandLine(context.Context) ([]string, error) {
	text, there, err := readIfThere(r.path)
	if err != nil {
		return nil, err
	}
	if !there {
		return nil, service.ErrNotInstalled
	}
	return r.command(text)
}

func (r fileRegistry) Unregister(context.Context) ([]string, error) {
	if err := os.Remove(r.path); err != nil {
		return nil, err
	}
	return []string{r.path + " removed"}, nil
}
