package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// semver leaves out build metadata: a file name and an object of the store have no
// place for it.
var semver = regexp.MustCompile(`^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z]+(?:[.-][0-9A-Za-z]+)*)?$`)

// stamp finds out what the programs say of themselves. The date is that of
// SOURCE_DATE_EPOCH or of the commit, never now: else no build could be repeated.
func (r *release) stamp(ctx context.Context, commit string) error {
	if r.version == "" {
		tag, err := git(ctx, "describe", "--tags", "--exact-match")
		if err != nil {
			return errors.New("give --version: this commit has no tag")
		}
		r.version = strings.TrimPrefix(tag, "v")
	}
	if !semver.MatchString(r.version) {
		return fmt.Errorf("version %q is not of the form 1.2.3 or 1.2.3-rc.1", r.version)
	}
	if r.commit = commit; commit == "" {
		r.commit = commitOfHead(ctx)
	}
	return r.readDate(ctx)
}

// commitOfHead is empty where there is no git.
func commitOfHead(ctx context.Context) string {
	head, err := git(ctx, "rev-parse", "HEAD")
	if err != nil {
		return ""
	}
	if changed, err := git(ctx, "status", "--porcelain", "--untracked-files=no"); err == nil && changed != "" {
		head += "-modified"
	}
	return head
}

func (r *release) readDate(ctx context.Context) error {
	seconds := os.Getenv("SOURCE_DATE_EPOCH")
	if seconds == "" {
		var err error
		if seconds, err = git(ctx, "log", "-1", "--format=%ct"); err != nil {
			return errors.New("set SOURCE_DATE_EPOCH (seconds since 1970): there is no commit to take the date from")
		}
	}
	n, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil || n < 315532800 { // 1980, before which zip has no times
		return fmt.Errorf("SOURCE_DATE_EPOCH is %q, not a number of seconds since 1970 that is later than 1980", seconds)
	}
	r.date = time.Unix(n, 0).UTC()
	return nil
}

func git(ctx context.Context, args ...string) (string, error) {
	out, err := exec.CommandContext(ctx, "git", args...).Output()
	return strings.TrimSpace(string(out)), err
}

// numbers are the three numbers of the version.
func (r *release) numbers() (n [3]uint64) {
	for i, text := range semver.FindStringSubmatch(r.version)[1:4] {
		n[i], _ = strconv.ParseUint(text, 10, 64) // the expression lets nothing else through
	}
	return n
}
