package inventory

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"strings"

	"golang.org/x/sys/unix"
)

// What is read of a file, and of the output of a tool.
const (
	maxFile   = 16 << 20
	maxOutput = 16 << 20
)

// tool runs a program of the system, whose output is bounded, and which dies with
// ctx. It gets nothing of this process's environment.
func tool(ctx context.Context, program string, arguments ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, program, arguments...)
	cmd.Env = []string{"PATH=/usr/bin:/bin:/usr/sbin:/sbin", "LANG=C", "LC_ALL=C"}
	cmd.WaitDelay = overrun / 2
	out, stderr := &head{limit: maxOutput + 1}, &head{limit: 1 << 10}
	cmd.Stdout, cmd.Stderr = out, stderr
	err := cmd.Run()
	switch {
	case ctx.Err() != nil:
		return nil, fmt.Errorf("it hangs: %w", context.Cause(ctx))
	case err != nil:
		return out.data, fmt.Errorf("%w: %s", err, strings.TrimSpace(string(stderr.data)))
	case len(out.data) > maxOutput:
		return nil, fmt.Errorf("its output is larger than %d bytes", maxOutput)
	}
	return out.data, nil
}

// toolNoting notes why there is no output.
func toolNoting(ctx context.Context, n *notes, program string, arguments ...string) []byte {
	out, err := tool(ctx, program, arguments...)
	if err != nil {
		n.miss(program, err)
		return nil
	}
	return out
}

func readFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // only read
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if len(data) > maxFile {
		return nil, fmt.Errorf("larger than %d bytes", maxFile)
	}
	return data, err
}

// withoutPath drops the path, which the note names already.
func withoutPath(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}

// list reads a property list; an empty one if it is not there.
func list(name string, n *notes) dict {
	data, err := readFile(name)
	if err != nil {
		n.miss(name, withoutPath(err))
		return nil
	}
	d, err := plistDict(data)
	n.miss(name, err)
	return d
}

// below lists a folder, sorted; nil if there is none.
func below(dir string) []string {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	all := make([]string, 0, len(entries))
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

// sysctl is a text of the kernel, and sysctlNumber a number; empty if it has none.
func sysctl(name string) string {
	s, err := unix.Sysctl(name)
	if err != nil {
		return ""
	}
	return clean(s)
}

func sysctlNumber(name string) uint64 {
	if n, err := unix.SysctlUint64(name); err == nil {
		return n
	}
	n, err := unix.SysctlUint32(name)
	if err != nil {
		return 0
	}
	return uint64(n)
}
