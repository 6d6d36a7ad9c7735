package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
)

// builder makes the contents of a zip file in a folder.
type builder struct {
	settings
	root   string // of the module
	module string
	dir    string // being filled
	suffix string // of programs
}

// build writes the zip file.
func build(ctx context.Context, s settings) error {
	out, err := filepath.Abs(s.out)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "hostcheck-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	b := builder{settings: s, dir: dir}
	if s.system == "windows" {
		b.suffix = ".exe"
	}
	for _, step := range []func(context.Context) error{b.findModule, b.suites, b.runner} {
		if err := step(ctx); err != nil {
			return fmt.Errorf("build: %w", err)
		}
	}
	if err := pack(dir, out); err != nil {
		return fmt.Errorf("build: %w", err)
	}
	return nil
}

// command runs a program in the module and returns what it printed. Env comes on top of this process's.
func (b *builder) command(ctx context.Context, env []string, name string, args ...string) (string, error) {
	var stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Stderr = b.root, &stderr
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, stderr.Bytes())
	}
	return strings.TrimSpace(string(out)), nil
}

func (b *builder) target() []string {
	return []string{"GOOS=" + b.system, "GOARCH=" + b.arch, "CGO_ENABLED=0", "GOWORK=off"}
}

func (b *builder) findModule(ctx context.Context) error {
	out, err := b.command(ctx, nil, "go", "list", "-m", "-f", "{{.Dir}}\n{{.Path}}")
	if err != nil {
		return err
	}
	dir, path, ok := strings.Cut(out, "\n")
	if !ok {
		return errors.New("not in a module")
	}
	b.root, b.module = dir, strings.TrimSpace(path)
	return nil
}

// runner puts this command itself, and what starts it, into the folder.
func (b *builder) runner(ctx context.Context) error {
	_, err := b.command(ctx, b.target(), "go", "build", "-trimpath", "-ldflags=-s -w", "-o", filepath.Join(b.dir, "hostcheck"+b.suffix), "./hostcheck")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(b.dir, "hostcheck.cmd"), []byte(starter), 0o600)
}

const runnerName = "hostcheck.exe" // on Windows, where starter finds it

// starter is for a double click as well: it leaves the report beside itself.
const starter = "@echo off\r\n" +
	"cd /d \"%~dp0\"\r\n" +
	".\\" + runnerName + " -check . -o hostcheck.json %*\r\n" +
	"exit /b %errorlevel%\r\n"

func (b *builder) suites(ctx context.Context) error {
	list, err := os.Open(filepath.Join(b.root, ".ci", "wine", "left-out"))
	if err != nil {
		return err
	}
	defer func() { _ = list.Close() }()
	skip, err := readLeftOut(list)
	if err != nil {
		return err
	}
	names, err := b.withTests(ctx)
	if err != nil {
		return err
	}
	m := manifest{Format: formatVersion, System: b.system, Arch: b.arch, Go: runtime.Version()}
	m.Revision, _ = b.command(ctx, nil, "git", "rev-parse", "HEAD") // there may be no git
	if b.server {
		m.Server = "bin/nats-server" + b.suffix
		if err := b.natsServer(ctx, filepath.Join(b.dir, filepath.FromSlash(m.Server))); err != nil {
			return err
		}
	}
	for _, name := range names {
		s := b.suite(name, skip[name])
		if err := b.compile(ctx, s); err != nil {
			return err
		}
		m.Suites = append(m.Suites, s)
	}
	if err := copyTexts(b.root, filepath.Join(b.dir, "src")); err != nil {
		return err
	}
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(b.dir, manifestName), append(text, '\n'), 0o600)
}

// withTests lists the packages that have tests on the system, without the module's name.
func (b *builder) withTests(ctx context.Context) ([]string, error) {
	const format = "{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}}{{end}}"
	args := append([]string{"list", "-tags", "hostcheck", "-f", format}, strings.Split(b.packages, ",")...)
	out, err := b.command(ctx, b.target(), "go", args...)
	if err != nil {
		return nil, err
	}
	var names []string
	for path := range strings.FieldsSeq(out) {
		names = append(names, strings.TrimPrefix(path, b.module+"/"))
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("no tests in %s", b.packages)
	}
	return names, nil
}

func (b *builder) suite(name string, skip []leftOut) suite {
	return suite{
		Package: name, Dir: "src/" + name, LeftOut: skip,
		Program: "bin/" + strings.ReplaceAll(name, "/", "-") + ".test" + b.suffix,
	}
}

func (b *builder) compile(ctx context.Context, s suite) error {
	program := filepath.Join(b.dir, filepath.FromSlash(s.Program))
	_, err := b.command(ctx, b.target(), "go", "test", "-c", "-tags", "hostcheck", "-ldflags=-s -w", "-o", program, "./"+s.Package)
	if err != nil {
		return err
	}
	dir := filepath.Join(b.dir, filepath.FromSlash(s.Dir))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	home := filepath.Join(b.root, filepath.FromSlash(s.Package))
	if err := copyTexts(home, dir); err != nil {
		return err
	}
	data := filepath.Join(home, "testdata")
	if _, err := os.Stat(data); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return os.CopyFS(filepath.Join(dir, "testdata"), os.DirFS(data))
}

// copyTexts copies what tests hold against the code.
func copyTexts(from, to string) error {
	texts, err := filepath.Glob(filepath.Join(from, "*.md"))
	for _, text := range texts {
		err = errors.Join(err, copyFile(text, filepath.Join(to, filepath.Base(text))))
	}
	return err
}

var serverVersion = regexp.MustCompile(`(?m)^\tserverVersion = "(v[0-9.]+)"$`)

// natsServer builds the server that the tests pin. Go refuses GOBIN for another system, so it lies in a GOPATH of its own.
func (b *builder) natsServer(ctx context.Context, program string) error {
	source, err := os.ReadFile(filepath.Join(b.root, "retry", "jstest", "broker_server.go"))
	if err != nil {
		return err
	}
	version := serverVersion.FindSubmatch(source)
	if version == nil {
		return errors.New("retry/jstest/broker_server.go pins no version of the server")
	}
	cache, err := b.command(ctx, nil, "go", "env", "GOMODCACHE")
	if err != nil {
		return err
	}
	path, err := os.MkdirTemp("", "hostcheck-gopath-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(path) }()
	env := append(b.target(), "GOPATH="+path, "GOMODCACHE="+cache, "GOBIN=", "GOFLAGS=-trimpath")
	if _, err := b.command(ctx, env, "go", "install", "github.com/nats-io/nats-server/v2@"+string(version[1])); err != nil {
		return err
	}
	built, err := filepath.Glob(filepath.Join(path, "bin", "*"+b.suffix))
	if below, _ := filepath.Glob(filepath.Join(path, "bin", "*", "*"+b.suffix)); len(below) > 0 {
		built = below
	}
	if err != nil || len(built) != 1 {
		return fmt.Errorf("the server is not where go install puts it: %q, %w", built, err)
	}
	if err := os.MkdirAll(filepath.Dir(program), 0o700); err != nil {
		return err
	}
	return copyFile(built[0], program)
}

func copyFile(from, to string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, data, 0o700)
}
