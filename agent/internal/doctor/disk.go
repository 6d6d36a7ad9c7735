package doctor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"github.com/google/uuid"
	"github.com/shirou/gopsutil/v4/disk"

	"github.com/kanade-go/kanade/agent/internal/statedir"
	"github.com/kanade-go/kanade/outbox/atomicfile"
)

const (
	// slowSync is when a sync is worth a word: the agent makes two for a command, one
	// after the other, before it is accepted and before it starts.
	slowSync = 500 * time.Millisecond
	// littleDisk is below what the agent's telemetry leaves free (64 MiB) and the
	// results of a day.
	littleDisk = 256 << 20
	// virusScan is how long a file is looked at again and again: scanners that take
	// a file away do so within moments of its closing.
	virusScan = time.Second
	scanEvery = 100 * time.Millisecond
)

// stateFolder looks whether the agent can keep what it must not lose.
func (d *doctor) stateFolder(ctx context.Context) {
	const check = "state folder"
	if d.Refuse != nil {
		if err := d.Refuse(); err != nil {
			d.refused = true
			d.fail(check, err.Error(), "correct the path; nothing was written there, and no script staged")
			return
		}
	}
	dir, there := existing(d.StateDir)
	took, err := patiently(ctx, func() (time.Duration, error) { return writeAndSync(dir) })
	if err != nil {
		d.fail(check, fmt.Sprintf("%s cannot be written: %v", dir, err), accessAdvice(err))
		return
	}
	text := fmt.Sprintf("%s can be written; write, sync and rename took %v", dir, took.Round(100*time.Microsecond))
	if !there {
		text = fmt.Sprintf("%s is not there yet; %s, where it would be made, can be written", d.StateDir, dir)
	}
	switch {
	case took > slowSync:
		d.warn(check, text, "a command waits for two of them before it starts: look at the disk, or at what scans or mirrors it")
	default:
		d.ok(check, text)
	}
	d.room(ctx, dir)
	if there {
		d.owner()
	}
}

// logFolder looks whether the daily log files can be written. The agent works without.
func (d *doctor) logFolder(ctx context.Context) {
	if d.LogFile == "" {
		return
	}
	const check = "log folder"
	dir, _ := existing(filepath.Dir(d.LogFile))
	_, err := patiently(ctx, func() (time.Duration, error) { return writeAndSync(dir) })
	if err != nil {
		d.warn(check, fmt.Sprintf("%s cannot be written: %v; lines go to standard output only", dir, err), accessAdvice(err))
		return
	}
	d.ok(check, dir+" can be written")
}

// diskWait is how long a disk may take for a file: one that hangs is found out then.
const diskWait = 10 * time.Second

var errHangs = errors.New("no answer of the disk in time")

// patiently leaves a disk that hangs behind.
func patiently(ctx context.Context, try func() (time.Duration, error)) (time.Duration, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, diskWait, errHangs)
	defer cancel()
	type outcome struct {
		took time.Duration
		err  error
	}
	outcomes := make(chan outcome, 1) // with room: nobody may be there any more
	go func() {
		took, err := try()
		outcomes <- outcome{took, err}
	}()
	select {
	case o := <-outcomes:
		return o.took, o.err
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
}

// existing is dir, or the folder above it in which it would be made.
func existing(dir string) (string, bool) {
	for at := dir; ; at = filepath.Dir(at) {
		if _, err := os.Stat(at); !errors.Is(err, fs.ErrNotExist) {
			return at, at == dir
		}
		if filepath.Dir(at) == at {
			return at, false
		}
	}
}

// writeAndSync does what the outbox does for a result, with a name of its own.
func writeAndSync(dir string) (time.Duration, error) {
	name := filepath.Join(dir, "doctor-"+uuid.NewString()+atomicfile.TempSuffix)
	started := time.Now()
	err := atomicfile.WriteFile(atomicfile.OS, name, []byte("kanade doctor\n"), 0o600)
	took := time.Since(started)
	if removed := os.Remove(name); err == nil {
		err = removed
	}
	return took, err
}

func accessAdvice(err error) string {
	if errors.Is(err, fs.ErrPermission) {
		return "run this as the user that the agent runs as; if that is so, give that user the folder"
	}
	if errors.Is(err, syscall.ENOTDIR) {
		return "a file is where a folder should be: name another folder, or move the file away"
	}
	return "mend the disk, or make room on it"
}

func (d *doctor) room(ctx context.Context, dir string) {
	const check = "disk"
	usage, err := disk.UsageWithContext(ctx, dir)
	if err != nil {
		d.warn(check, "the free space is not known: "+err.Error(), "look at the disk of "+dir)
		return
	}
	text := fmt.Sprintf("%d MiB free of %d", usage.Free>>20, usage.Total>>20)
	if usage.Free < littleDisk {
		d.warn(check, text, "make room: below 64 MiB the agent's telemetry is dropped, with less no command is accepted")
		return
	}
	d.ok(check, text)
}

// owner says whether an agent works in the folder, and who may look into it.
func (d *doctor) owner() {
	held, err := statedir.Held(d.StateDir)
	switch {
	case err != nil:
		d.warn("agent", "whether an agent uses the folder is not known: "+err.Error(), accessAdvice(err))
	case held:
		d.ok("agent", "an agent runs in this folder")
	default:
		d.ok("agent", "no agent runs in this folder")
	}
	info, err := os.Stat(d.StateDir)
	if err == nil && runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		d.warn("state folder", fmt.Sprintf("%s is open to others (%v)", d.StateDir, info.Mode().Perm()),
			"chmod 700 it; the agent does so at its start if it may")
	}
}

// staging looks whether a script that was written can still be read a moment
// later, as the shell will.
func (d *doctor) staging(ctx context.Context) {
	const check = "staging"
	if d.refused {
		return
	}
	dir, _ := existing(d.Staging)
	name := filepath.Join(dir, "doctor-"+uuid.NewString()+".ps1")
	text := []byte("exit 0\r\n")
	if err := os.WriteFile(name, text, 0o600); err != nil {
		d.fail(check, fmt.Sprintf("a script cannot be staged in %s: %v", dir, err), accessAdvice(err))
		return
	}
	defer func() { _ = os.Remove(name) }() // it may be gone already, which was told
	ticker := time.NewTicker(scanEvery)
	defer ticker.Stop()
	for until := time.Now().Add(virusScan); time.Now().Before(until); {
		if found, err := os.ReadFile(name); err != nil || !bytes.Equal(found, text) {
			d.fail(check, fmt.Sprintf("a script that was staged in %s cannot be read any more: %v", dir, err),
				"exempt "+d.Staging+" from the virus scanner")
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
	d.ok(check, fmt.Sprintf("a script staged in %s is still there and whole after %v", dir, virusScan))
}
