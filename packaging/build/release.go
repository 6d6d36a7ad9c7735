package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

const program = "kanade-agent"

// release is what is made, and of what.
type release struct {
	version, commit string
	date            time.Time
	platforms       []platform
	bare            bool

	keys         list // private, for manifests
	minimum      string
	authenticode authenticode

	out  string // in the end
	dir  string // until then, beside it
	work string // what is not kept
	nfpm string // path of the program
}

// platform has the names of Go, of the fleet's wire and of the packages.
type platform struct {
	goos, goarch string
	os, arch     string
	packaged     bool // as deb and rpm, or for Windows as zip and MSI
}

var platforms = []platform{
	{"linux", "amd64", "linux", "x86_64", true},
	{"linux", "arm64", "linux", "aarch64", true},
	{"windows", "amd64", "windows", "x86_64", true},
	{"darwin", "amd64", "macos", "x86_64", false},
	{"darwin", "arm64", "macos", "aarch64", false},
}

func (p platform) name() string { return p.os + "-" + p.arch }

func (p platform) ext() string {
	if p.goos == "windows" {
		return ".exe"
	}
	return ""
}

func (r *release) choose(only string) error {
	if only == "" {
		r.platforms = platforms
		return nil
	}
	for name := range strings.SplitSeq(only, ",") {
		at := slices.IndexFunc(platforms, func(p platform) bool { return p.name() == name })
		if at < 0 {
			return fmt.Errorf("platform %q is none of those that are built: %s", name, strings.Join(names(), ", "))
		}
		r.platforms = append(r.platforms, platforms[at])
	}
	return nil
}

func names() (all []string) {
	for _, p := range platforms {
		all = append(all, p.name())
	}
	return all
}

func (r *release) builds(goos string) bool {
	return slices.ContainsFunc(r.platforms, func(p platform) bool { return p.goos == goos })
}

// title begins the name of every file of the release.
func (r *release) title() string { return program + "-" + r.version }

// executable is the path of the finished program.
func (r *release) executable(p platform) string {
	return filepath.Join(r.dir, r.title()+"-"+p.name()+p.ext())
}

// make leaves nothing in out unless all of it could be made.
func (r *release) make(ctx context.Context) (err error) {
	if err := r.checkTools(ctx); err != nil {
		return err
	}
	if err := r.prepare(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(r.work)) }()
	steps := []func(context.Context) error{r.compile, r.signPrograms, r.writeManifests}
	if !r.bare {
		steps = append(steps, r.writePages, r.archive, r.packLinux, r.packWindows)
	}
	for _, step := range append(steps, r.sums) {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return r.publish()
}

func (r *release) prepare() (err error) {
	if r.out, err = filepath.Abs(r.out); err != nil {
		return err
	}
	if err := r.mayReplaceOut(); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(r.out), 0o755); err != nil {
		return err
	}
	if r.work, err = os.MkdirTemp(filepath.Dir(r.out), ".release-"); err != nil {
		return err
	}
	r.dir = filepath.Join(r.work, "out")
	return os.Mkdir(r.dir, 0o755)
}

// mayReplaceOut refuses a folder that no build has made.
func (r *release) mayReplaceOut() error {
	entries, err := os.ReadDir(r.out)
	if errors.Is(err, os.ErrNotExist) || err == nil && len(entries) == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(r.out, sumsFile)); err != nil {
		return fmt.Errorf("%s is not empty and was not made by this program; give another --out", r.out)
	}
	return nil
}

func (r *release) publish() error {
	if err := os.RemoveAll(r.out); err != nil {
		return err
	}
	if err := os.Rename(r.dir, r.out); err != nil {
		return err
	}
	entries, err := os.ReadDir(r.out)
	for _, e := range entries {
		fmt.Println(filepath.Join(r.out, e.Name()))
	}
	return err
}
