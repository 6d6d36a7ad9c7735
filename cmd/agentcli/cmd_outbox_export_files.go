package agentcli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// target is the absolute path of where an export goes. It must not go into an
// outbox: an agent would take it for records of its own.
func (x *exporter) target(found *opened, path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	for at := path; at != filepath.Dir(at); at = filepath.Dir(at) {
		info, err := os.Stat(at)
		if err != nil {
			continue
		}
		for _, box := range found.boxes {
			if own, err := os.Stat(box.Dir()); err == nil && os.SameFile(info, own) {
				return "", fmt.Errorf("%s is inside the outbox %s; export to somewhere else", visible(path), visible(box.Dir()))
			}
		}
	}
	return path, nil
}

// write makes a file that only its owner can read. Without --force a file of
// that name is an error; with it the old one stays until the new one is whole. What
// is no file (a folder, a device) is never replaced.
func (x *exporter) write(name string, fill func(*os.File) error) error {
	if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("%s is no regular file; name another", visible(name))
	}
	if x.force {
		return replace(name, fill)
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s is there already; --force overwrites it", visible(name))
	}
	if err != nil {
		return err
	}
	if err := errors.Join(fill(f), f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(name))
	}
	return nil
}

func replace(name string, fill func(*os.File) error) error {
	f, err := os.CreateTemp(filepath.Dir(name), ".export-*")
	if err != nil {
		return err
	}
	err = errors.Join(fill(f), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

func (x *exporter) toFolder(found *opened) error {
	dir, err := x.target(found, x.dir)
	if err != nil {
		return err
	}
	x.sum.To = dir
	return x.each(found, func(m match) error { return x.copy(dir, m) })
}

// copy writes a record's file, with its time and its reason.
func (x *exporter) copy(dir string, m match) error {
	name := filepath.Join(dir, m.box.Name, filepath.FromSlash(m.entry.File))
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	source, err := m.box.Open(m.entry)
	if err != nil {
		return gone(err)
	}
	err = x.write(name, func(f *os.File) error {
		_, err := io.Copy(f, source)
		return err
	})
	if err := errors.Join(err, source.Close()); err != nil {
		return err
	}
	if err := os.Chtimes(name, m.entry.ModTime, m.entry.ModTime); err != nil {
		return err
	}
	return x.copyReason(name, m)
}

func (x *exporter) copyReason(name string, m match) error {
	why, err := m.box.Reason(m.entry)
	if err != nil || why == nil {
		return nil //nolint:nilerr // one that cannot be read is fsck's business
	}
	return x.write(strings.TrimSuffix(name, ".json")+".reason", func(f *os.File) error { return json.NewEncoder(f).Encode(why) })
}
