package main

import (
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/kanade-go/kanade/cmd/agentcli"
)

// pages are what a package holds beside the program, in the folder pages of the work
// folder: the manual and the completions.
func (r *release) page(name string) string { return filepath.Join(r.work, "pages", name) }

func (r *release) writePages(context.Context) error {
	if err := os.Mkdir(filepath.Join(r.work, "pages"), 0o755); err != nil {
		return err
	}
	root := agentcli.NewCommand(agentcli.Brand{Version: r.version})
	for name, write := range map[string]func(io.Writer) error{
		program + ".1":       func(w io.Writer) error { return manual(w, root, r.version, r.date) },
		program + ".1.gz":    compressed(func(w io.Writer) error { return manual(w, root, r.version, r.date) }),
		program + ".bash":    completion("bash"),
		"_" + program:        completion("zsh"),
		program + ".fish":    completion("fish"),
		program + ".ps1":     completion("powershell"),
		"changelog.gz":       compressed(r.changelog),
		program + ".service": unit,
	} {
		if err := writeFile(r.page(name), write); err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
	}
	return nil
}

// completion is what the program's own verb prints.
func completion(shell string) func(io.Writer) error {
	return func(w io.Writer) error { return printed(w, "completion", shell) }
}

// unit is the one that install would write: it then finds that of the package, and
// leaves it alone.
func unit(w io.Writer) error {
	var text strings.Builder
	if err := printed(&text, "install", "--print", "systemd", "--program", "/opt/kanade-agent/bin/"+program); err != nil {
		return err
	}
	_, rest, _ := strings.Cut(text.String(), "\n") // a remark on who wrote it
	_, err := fmt.Fprintf(w, "# Of the package. Changes of yours belong into a drop-in: systemctl edit %s\n%s", program, rest)
	return err
}

func printed(w io.Writer, args ...string) error {
	cmd := agentcli.NewCommand(agentcli.Brand{})
	cmd.SetArgs(args)
	cmd.SetOut(w)
	return cmd.Execute()
}

// changelog is the one entry that a package of Debian has to have.
func (r *release) changelog(w io.Writer) error {
	_, err := fmt.Fprintf(w, "%s (%s) stable; urgency=medium\n\n  * Release %s. What is new: %s/releases\n\n -- %s  %s\n",
		program, debianVersion(r.version), r.version, homepage, maintainer, r.date.Format(time.RFC1123Z))
	return err
}

// compressed writes no name and no time.
func compressed(write func(io.Writer) error) func(io.Writer) error {
	return func(w io.Writer) error {
		z, err := gzip.NewWriterLevel(w, gzip.BestCompression)
		if err != nil {
			return err
		}
		if err := write(z); err != nil {
			return err
		}
		return z.Close()
	}
}

func copyFile(w io.Writer, path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	_, err = w.Write(data)
	return err
}

func writeFile(path string, write func(io.Writer) error) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	if err := write(f); err != nil {
		_ = f.Close()
		return err
	}
	return f.Close()
}
