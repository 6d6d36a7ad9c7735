package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// debianVersion is how dpkg and rpm sort a version before the one it leads to.
func debianVersion(version string) string { return strings.Replace(version, "-", "~", 1) }

// packLinux makes the packages of the systems that have some.
func (r *release) packLinux(ctx context.Context) error {
	if !r.builds("linux") {
		return nil
	}
	if err := r.writeScripts(); err != nil {
		return err
	}
	if err := writeFile(r.page("copyright"), debianCopyright); err != nil {
		return err
	}
	for _, p := range r.platforms {
		if p.goos != "linux" {
			continue
		}
		for _, packager := range []string{"deb", "rpm"} {
			if err := r.pack(ctx, p, packager); err != nil {
				return fmt.Errorf("make the %s for %s: %w", packager, p.name(), err)
			}
		}
	}
	return r.plainNames()
}

// plainNames: package managers order 1.4.0~rc.1 before 1.4.0, and nfpm names files so
// too. Stores of files write other characters for a tilde, and then SHA256SUMS names
// what is not there.
func (r *release) plainNames() error {
	packed, err := filepath.Glob(filepath.Join(r.dir, "*~*"))
	for _, path := range packed {
		name := strings.ReplaceAll(filepath.Base(path), "~", "-")
		err = errors.Join(err, os.Rename(path, filepath.Join(r.dir, name)))
	}
	return err
}

// writeScripts puts what all scripts share before each of them.
func (r *release) writeScripts() error {
	const from = "packaging/linux/scripts/"
	if err := os.Mkdir(r.scripts(), 0o755); err != nil {
		return err
	}
	for _, name := range []string{"preinst", "postinst", "prerm", "postrm"} {
		err := writeFile(filepath.Join(r.scripts(), name), func(w io.Writer) error {
			if err := copyFile(w, from+"common.sh"); err != nil {
				return err
			}
			return copyFile(w, from+name+".sh")
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *release) scripts() string { return filepath.Join(r.work, "scripts") }

// pack gives nfpm the file with everything filled in.
func (r *release) pack(ctx context.Context, p platform, packager string) error {
	values := map[string]string{
		"ARCH": p.goarch, "VERSION": r.version, "DATE": r.date.Format(time.RFC3339), "MAINTAINER": maintainer, "HOMEPAGE": homepage,
		"PROGRAM": r.executable(p), "PAGES": filepath.Join(r.work, "pages"), "SCRIPTS": r.scripts(),
	}
	template, err := os.ReadFile("packaging/linux/nfpm.yaml")
	if err != nil {
		return err
	}
	unknown := ""
	text := os.Expand(strings.Replace(string(template), "# The build fills in ${…}.\n", "", 1), func(name string) string {
		value, found := values[name]
		if !found {
			unknown = name
		}
		return value
	})
	if unknown != "" {
		return fmt.Errorf("packaging/linux/nfpm.yaml: ${%s} is not known", unknown)
	}
	config := filepath.Join(r.work, packager+"-"+p.goarch+".yaml")
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		return err
	}
	return r.run(ctx, nil, r.nfpm, "package", "--config", config, "--packager", packager, "--target", r.dir)
}

// debianCopyright has the licence's text in it, in the form that Debian wants.
func debianCopyright(w io.Writer) error {
	form, err := os.ReadFile("packaging/linux/copyright")
	if err != nil {
		return err
	}
	licence, err := os.ReadFile("LICENSE")
	if err != nil {
		return err
	}
	var text strings.Builder
	for line := range strings.Lines(string(licence)) {
		if strings.TrimSpace(line) == "" {
			line = ".\n"
		}
		text.WriteString(" " + line)
	}
	_, err = w.Write(bytes.Replace(form, []byte("@LICENSE@\n"), []byte(text.String()), 1))
	return err
}
