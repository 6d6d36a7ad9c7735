package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

const (
	taskName   = "kanade-hostcheck"
	systemFile = "report.json"
	systemCmd  = "start.cmd"
)

// runAsSystem runs tests of this folder again as LocalSystem, by a task that is removed afterwards, and reads the report. What
// LocalSystem runs is a copy that only administrators can change: the folder itself may be anybody's.
func runAsSystem(ctx context.Context, from string, args []string, limit time.Duration) (_ *report, err error) {
	dir, err := privateCopy(from)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	out, script := filepath.Join(dir, systemFile), filepath.Join(dir, systemCmd)
	line := fmt.Sprintf("\"%s\" -check \"%s\" -o \"%s\" %s", filepath.Join(dir, runnerName), dir, out, quoted(args))
	if err := os.WriteFile(script, []byte("@echo off\r\n"+line+"\r\n"), 0o600); err != nil {
		return nil, err
	}
	create := []string{"/Create", "/F", "/TN", taskName, "/SC", "ONCE", "/ST", "00:00", "/RU", "SYSTEM", "/RL", "HIGHEST", "/TR", `"` + script + `"`}
	if err := schtasks(ctx, create...); err != nil {
		return nil, err
	}
	defer func() {
		_ = schtasks(context.WithoutCancel(ctx), "/End", "/TN", taskName) // it has mostly ended
		err = errors.Join(err, schtasks(context.WithoutCancel(ctx), "/Delete", "/F", "/TN", taskName))
	}()
	if err := schtasks(ctx, "/Run", "/TN", taskName); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, limit+2*time.Minute)
	defer cancel()
	return awaitReport(ctx, out)
}

// privateSDDL: the system and administrators, nobody else, handed down.
const privateSDDL = "D:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)"

// privateCopy copies what a check of the system's tests needs.
func privateCopy(from string) (dir string, err error) {
	dir = filepath.Join(cmp.Or(os.Getenv("ProgramData"), `C:\ProgramData`), "kanade-hostcheck-"+rand.Text())
	if err := makePrivate(dir); err != nil {
		return "", &fs.PathError{Op: "mkdir", Path: dir, Err: err}
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(dir))
		}
	}()
	m, err := readManifest(from)
	if err != nil {
		return "", err
	}
	files := []string{runnerName, manifestName}
	for _, s := range m.Suites {
		if s.Package == systemPackage {
			files = append(files, filepath.FromSlash(s.Program))
			err = os.MkdirAll(filepath.Join(dir, filepath.FromSlash(s.Dir)), 0o700)
		}
	}
	for _, name := range files {
		err = errors.Join(err, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700),
			copyFile(filepath.Join(from, name), filepath.Join(dir, name)))
	}
	return dir, err
}

func makePrivate(dir string) error {
	sd, err := windows.SecurityDescriptorFromString(privateSDDL)
	if err != nil {
		return err
	}
	name, err := windows.UTF16PtrFromString(dir)
	if err != nil {
		return err
	}
	attr := windows.SecurityAttributes{SecurityDescriptor: sd}
	attr.Length = uint32(unsafe.Sizeof(attr))
	return windows.CreateDirectory(name, &attr)
}

// quoted is for a batch file: no argument here has a quote or a percent sign.
func quoted(args []string) string {
	return `"` + strings.Join(args, `" "`) + `"`
}

// awaitReport looks for the file, which appears whole.
func awaitReport(ctx context.Context, path string) (*report, error) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		data, err := os.ReadFile(path)
		if err == nil {
			var r report
			return &r, json.Unmarshal(data, &r)
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("no report of the task: %w", ctx.Err())
		case <-tick.C:
		}
	}
}

func schtasks(ctx context.Context, args ...string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, "schtasks", args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("schtasks %s: %w: %s", args[0], err, strings.TrimSpace(string(out)))
	}
	return nil
}
