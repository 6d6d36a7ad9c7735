package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

func (r *release) compile(ctx context.Context) error {
	for _, p := range r.platforms {
		if err := r.compileOne(ctx, p); err != nil {
			return fmt.Errorf("build for %s: %w", p.name(), err)
		}
	}
	return nil
}

// compileOne lets nothing of this machine into the program: no path, no setting of
// Go, no C compiler. What git knows comes by the stamp, and not through Go, so that an
// unpacked source archive makes the same bytes.
func (r *release) compileOne(ctx context.Context, p platform) error {
	path := r.executable(p)
	stamp := "-s -w -buildid= -X main.version=" + r.version + " -X main.commit=" + r.commit + " -X main.date=" + r.date.Format(time.RFC3339)
	err := r.run(ctx, []string{
		"CGO_ENABLED=0", "GOOS=" + p.goos, "GOARCH=" + p.goarch, "GOAMD64=v1", "GOARM64=v8.0",
		"GOFLAGS=", "GOEXPERIMENT=", "GOWORK=off", "GO111MODULE=on",
	}, "go", "build", "-mod=readonly", "-trimpath", "-buildvcs=false", "-ldflags", stamp, "-o", path, "./cmd/"+program)
	if err != nil {
		return err
	}
	return r.describe(path, p)
}

// describe puts into the file what others read from it without starting it.
func (r *release) describe(path string, p platform) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	switch p.goos {
	case "windows":
		info := versionInfo{name: program, version: r.version, numbers: r.numbers()}
		data, err = addToPE(data, info.resource, peSection{metadataSection, metadata(r.version, p)})
	case "linux":
		data, err = addToELF(data, metadata(r.version, p))
	}
	if err != nil {
		return fmt.Errorf("%s: %w", filepath.Base(path), err)
	}
	if err := os.WriteFile(path, data, 0o755); err != nil {
		return err
	}
	return os.Chmod(path, 0o755)
}

// run runs a program with variables added to the environment. What it says is in
// the error; of one that succeeds nobody needs to hear.
func (r *release) run(ctx context.Context, env []string, name string, args ...string) error {
	return r.runIn(ctx, "", env, name, args...)
}

func (r *release) runIn(ctx context.Context, dir string, env []string, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), append(env, fmt.Sprintf("SOURCE_DATE_EPOCH=%d", r.date.Unix()), "TZ=UTC", "LC_ALL=C")...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args[:min(2, len(cmd.Args))], " "), err, out)
	}
	return nil
}
