package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

const (
	homepage   = "https://github.com/kanade-go/kanade"
	maintainer = "The kanade authors <kanade-go@users.noreply.github.com>"

	nfpmModule = "github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.43.4"
)

// checkTools names everything that is missing at once.
func (r *release) checkTools(ctx context.Context) error {
	if err := r.authenticode.check(); err != nil {
		return err
	}
	if _, err := os.Stat("packaging/linux"); err != nil {
		return errors.New("start it in the root of the repository")
	}
	var missing []error
	need := func(tool, from string) {
		if _, err := exec.LookPath(tool); err != nil {
			missing = append(missing, fmt.Errorf("%s is missing; install it: apt-get install %s", tool, from))
		}
	}
	if !r.bare && r.builds("windows") {
		need("wixl", "wixl")
		need("msibuild", "msitools")
	}
	if r.authenticode.wanted() {
		need("osslsigncode", "osslsigncode")
	}
	if len(missing) > 0 {
		return errors.Join(missing...)
	}
	if r.bare || !r.builds("linux") {
		return nil
	}
	return r.fetchNFPM(ctx)
}

// fetchNFPM builds it once, into the cache folder.
func (r *release) fetchNFPM(ctx context.Context) error {
	cache, err := os.UserCacheDir()
	if err != nil {
		return err
	}
	dir := filepath.Join(cache, "kanade-ci", strings.ReplaceAll(nfpmModule, "/", "_"))
	r.nfpm = filepath.Join(dir, "nfpm")
	if _, err := os.Stat(r.nfpm); err == nil {
		return nil
	}
	return r.run(ctx, []string{"GOBIN=" + dir, "GOFLAGS=", "GOWORK=off"}, "go", "install", nfpmModule)
}
