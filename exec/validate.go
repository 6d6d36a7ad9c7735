package exec

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// check finds what is wrong with a Spec on any host.
func (s Spec) check() error {
	switch {
	case s.Script != "" && s.File != "":
		return fmt.Errorf("%w: both a script and a file", ErrInvalidSpec)
	case s.Timeout < 0:
		return fmt.Errorf("%w: negative timeout %s", ErrInvalidSpec, s.Timeout)
	case s.MaxOutput < 0:
		return fmt.Errorf("%w: negative output limit %d", ErrInvalidSpec, s.MaxOutput)
	}
	if where := s.nulIn(); where != "" {
		return fmt.Errorf("%w: NUL byte in %s", ErrInvalidSpec, where)
	}
	return s.Limits.check()
}

// nulIn names the first field with a byte that no operating system can pass on.
func (s Spec) nulIn() string {
	fields := []struct {
		name   string
		values []string
	}{
		{"the script", []string{s.Script}},
		{"the file name", []string{s.File}},
		{"the working directory", []string{s.Dir}},
		{"an argument", s.Args},
		{"the environment", s.Env},
	}
	for _, f := range fields {
		for _, v := range f.values {
			if strings.IndexByte(v, 0) >= 0 {
				return f.name
			}
		}
	}
	return ""
}

func (s Spec) checkDir() error {
	if s.Dir == "" {
		return nil
	}
	info, err := os.Stat(s.Dir)
	if err != nil {
		return fmt.Errorf("working directory: %w", err)
	}
	if !info.IsDir() {
		return fmt.Errorf("working directory: %s is not a directory", s.Dir)
	}
	return nil
}

// ownFile is the absolute path of Spec.File, which must be something the shell itself runs.
func ownFile(s Spec) (string, error) {
	path := s.File
	if !filepath.IsAbs(path) {
		path = filepath.Join(s.Dir, path)
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("script file: %w", err)
	}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return "", fmt.Errorf("script file: %w", err)
	case !info.Mode().IsRegular():
		return "", fmt.Errorf("%w: script file %s is not a regular file", ErrInvalidSpec, path)
	case !s.Shell.runs(path):
		return "", fmt.Errorf("%w: %s does not run a file named %s", ErrInvalidSpec, s.Shell, filepath.Base(path))
	}
	return path, nil
}

// runs tells scripts from files that the shell would open with some other program.
func (s Shell) runs(path string) bool {
	switch s {
	case Sh:
		return true
	case Cmd:
		return batchExtension(path)
	default:
		return strings.EqualFold(filepath.Ext(path), ".ps1")
	}
}
