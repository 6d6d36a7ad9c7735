package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/kanade-go/kanade/agent"
)

// exitTooLarge is the exit code for a folder above its limit.
const exitTooLarge = 3

// request is the JSON document in the command's script text.
type request struct {
	Path     string `json:"path"`
	MaxBytes int64  `json:"max_bytes"` // 0: no limit
}

// report goes to stdout, as JSON.
type report struct {
	Path  string `json:"path"`
	Files int    `json:"files"`
	Bytes int64  `json:"bytes"`
}

// dirSize adds up the sizes of the files below a folder.
func dirSize(ctx context.Context, j agent.Job) error {
	q, err := readRequest(j.Command.Script)
	if err != nil {
		return err
	}
	r, err := measure(ctx, q.Path)
	if err != nil {
		return err
	}
	if err := json.NewEncoder(j.Stdout).Encode(r); err != nil {
		return fmt.Errorf("dir-size: write report: %w", err)
	}
	if q.MaxBytes > 0 && r.Bytes > q.MaxBytes {
		return &agent.ExitError{Code: exitTooLarge, Err: fmt.Errorf("dir-size: %d bytes, more than %d", r.Bytes, q.MaxBytes)}
	}
	return nil
}

func readRequest(script string) (request, error) {
	var q request
	d := json.NewDecoder(strings.NewReader(script))
	d.DisallowUnknownFields()
	if err := d.Decode(&q); err != nil {
		return q, fmt.Errorf("dir-size: read request: %w", err)
	}
	if !filepath.IsAbs(q.Path) {
		return q, fmt.Errorf("dir-size: path %q is not absolute", q.Path)
	}
	return q, nil
}

// measure ends early when ctx does: at the command's timeout, at a kill, and
// when the agent stops.
func measure(ctx context.Context, dir string) (report, error) {
	r := report{Path: dir}
	err := filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if err := errors.Join(err, ctx.Err()); err != nil {
			return err
		}
		if !entry.Type().IsRegular() {
			return nil
		}
		info, err := entry.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil // deleted meanwhile
		}
		if err != nil {
			return err
		}
		r.Files++
		r.Bytes += info.Size()
		return nil
	})
	if err != nil {
		return r, fmt.Errorf("dir-size: %w", err)
	}
	return r, nil
}
