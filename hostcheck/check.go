package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// checkHost runs what is in the folder and writes the report.
func checkHost(ctx context.Context, s settings, log io.Writer) (good bool, err error) {
	dir, err := filepath.Abs(s.check)
	if err != nil {
		return false, err
	}
	m, err := readManifest(dir)
	if err != nil {
		return false, err
	}
	c := checker{settings: s, dir: dir, built: m, log: log}
	r := c.check(ctx)
	if err := r.write(s.out); err != nil {
		return false, fmt.Errorf("write the report: %w", err)
	}
	_, _ = fmt.Fprintf(log, "%d passed, %d failed, %d skipped, %d unfinished; see %s\n",
		r.Totals[passed], r.Totals[failed], r.Totals[skipped], r.Totals[unfinished], s.out)
	return r.good(), ctx.Err()
}

type checker struct {
	settings
	dir   string
	built manifest
	log   io.Writer
}

func (c *checker) check(ctx context.Context) *report {
	began := time.Now()
	r := &report{
		Format: formatVersion, Built: c.built, Started: began.UTC(), Account: accountName(), Machine: thisMachine(),
		PowerShell: powershells(ctx), Totals: make(map[verdict]int), room: maxReportOutput,
	}
	for _, s := range c.built.Suites {
		if c.only != "" && c.only != s.Package {
			continue
		}
		found := c.run(ctx, s)
		_, _ = fmt.Fprintf(c.log, "%7.1f s  %4d tests  exit %d  %s\n", found.Seconds, len(found.Tests), found.ExitCode, s.Package)
		r.add(found)
	}
	if c.asSystem && r.Account == administrator && (c.only == "" || c.only == systemPackage) {
		c.repeatAsSystem(ctx, r)
	}
	r.Seconds = time.Since(began).Seconds()
	return r
}

// systemTests are those that need the rights of LocalSystem.
const (
	systemPackage = "exec"
	systemMatch   = "^TestHost|RunAs|Token"
)

func (c *checker) repeatAsSystem(ctx context.Context, r *report) {
	found, err := runAsSystem(ctx, c.dir, []string{"-only", systemPackage, "-match", systemMatch, "-as-system=false"}, c.limit)
	if err != nil {
		r.Problems = append(r.Problems, "as LocalSystem: "+err.Error())
	}
	if found == nil {
		return
	}
	found.PowerShell, found.Built.Suites = nil, nil // the same as above
	r.AsSystem = found
}

// run runs the tests of one package. A program that hangs is ended with all that it started as far as its pipe goes.
func (c *checker) run(ctx context.Context, s suite) suiteReport {
	began := time.Now()
	found := suiteReport{Package: s.Package, LeftOut: s.LeftOut, Tests: []testReport{}, ExitCode: -1}
	ctx, cancel := context.WithTimeout(ctx, c.limit+time.Minute) // the program itself ends before, and says where it hung
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(c.dir, filepath.FromSlash(s.Program)), c.arguments(s)...)
	cmd.Dir = filepath.Join(c.dir, filepath.FromSlash(s.Dir))
	cmd.Env = c.environment()
	cmd.WaitDelay = 10 * time.Second
	in := newReader()
	err := runRead(cmd, in)
	found.Seconds = time.Since(began).Seconds()
	if cmd.ProcessState != nil {
		found.ExitCode = cmd.ProcessState.ExitCode()
	}
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		found.Error = err.Error()
	}
	found.Tests = append(found.Tests, in.reports()...)
	if found.ExitCode != 0 {
		found.Output = in.loose.String()
	}
	return found
}

// runRead runs cmd and reads both its streams.
func runRead(cmd *exec.Cmd, in *reader) error {
	out, into := io.Pipe()
	cmd.Stdout, cmd.Stderr = into, into
	read := make(chan error, 1)
	go func() {
		err := in.read(out)
		_ = out.CloseWithError(err)
		read <- err
	}()
	err := cmd.Run()
	_ = into.Close()
	return errors.Join(err, <-read)
}

func (c *checker) arguments(s suite) []string {
	args := []string{"-test.v", "-test.paniconexit0", "-test.timeout=" + c.limit.String()}
	if c.match != "" {
		args = append(args, "-test.run="+c.match)
	}
	if len(s.LeftOut) > 0 {
		names := make([]string, len(s.LeftOut))
		for i, t := range s.LeftOut {
			names[i] = t.Test
		}
		args = append(args, "-test.skip=^("+strings.Join(names, "|")+")$")
	}
	return args
}

func (c *checker) environment() []string {
	env := append(os.Environ(), "KANADE_HOSTCHECK=1") // tests that prove nothing elsewhere want to be told
	if c.built.Server != "" {
		env = append(env, "KANADE_NATS_SERVER="+filepath.Join(c.dir, filepath.FromSlash(c.built.Server)))
	}
	return env
}
