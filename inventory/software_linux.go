package inventory

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/kanade-go/kanade/inventory/facts"
)

func (t tree) software(ctx context.Context, n *notes) (any, error) {
	s := &facts.Software{Programs: []facts.Program{}}
	var err error
	for _, list := range []func(*notes, func(facts.Program)){t.dpkg, t.rpm, t.apk, t.pacman, t.snaps, t.flatpaks, t.ofUsers(ctx)} {
		if ctx.Err() != nil {
			return s, ctx.Err()
		}
		list(n, func(p facts.Program) {
			if p.Name == "" {
				return
			}
			if len(s.Programs) == maxPrograms {
				err = errTooManyPrograms
				return
			}
			p.Scope = first(p.Scope, "machine")
			s.Programs = append(s.Programs, p)
		})
	}
	slices.SortFunc(s.Programs, byName)
	return s, err
}

// paragraphs yields blocks of lines "Key: value" with empty lines between; lines
// that go on begin with a blank and are left out.
func (t tree) paragraphs(name string, n *notes, each func(map[string]string)) {
	block := make(map[string]string)
	flush := func() {
		if len(block) > 0 {
			each(block)
			clear(block)
		}
	}
	t.lines(name, n, func(line string) {
		if line == "" {
			flush()
			return
		}
		if key, value, ok := strings.Cut(line, ":"); ok && line[0] != ' ' && line[0] != '\t' {
			block[key] = clean(value)
		}
	})
	flush()
}

// dpkg reads the status of Debian's packages. When one was installed is the time
// of its list of files.
func (t tree) dpkg(n *notes, add func(facts.Program)) {
	files := []string{"/var/lib/dpkg/status"}
	for _, name := range t.names("/var/lib/dpkg/status.d") { // images without dpkg
		if !strings.HasSuffix(name, ".md5sums") {
			files = append(files, "/var/lib/dpkg/status.d/"+name)
		}
	}
	info := make(map[string]bool)
	for _, name := range t.names("/var/lib/dpkg/info") {
		info[name] = true
	}
	for _, name := range files {
		t.paragraphs(name, n, func(p map[string]string) {
			if status := p["Status"]; status != "" && !strings.HasSuffix(status, " installed") {
				return
			}
			var installed *time.Time
			for _, list := range []string{p["Package"] + ".list", p["Package"] + ":" + p["Architecture"] + ".list"} {
				if info[list] {
					installed = t.changed("/var/lib/dpkg/info/" + list)
				}
			}
			add(facts.Program{
				Name: p["Package"], Version: p["Version"], Publisher: p["Maintainer"], Arch: p["Architecture"], Section: p["Section"],
				Source: "dpkg", ID: p["Package"], Bytes: times(parse(p["Installed-Size"]), 1<<10), Installed: installed,
			})
		})
	}
}

// apk reads Alpine's list: lines of a letter, a colon and a value.
func (t tree) apk(n *notes, add func(facts.Program)) {
	for _, name := range []string{"/lib/apk/db/installed", "/usr/lib/apk/db/installed"} {
		t.paragraphs(name, n, func(p map[string]string) {
			add(facts.Program{
				Name: p["P"], Version: p["V"], Arch: p["A"], Publisher: p["m"], Source: "apk", ID: p["P"], Bytes: parse(p["I"]),
			})
		})
	}
}

// pacman reads the folder of a package each: a line %NAME%, then its values.
func (t tree) pacman(n *notes, add func(facts.Program)) {
	const dir = "/var/lib/pacman/local/"
	for _, name := range t.names(dir) {
		if !t.exists(dir + name + "/desc") {
			continue
		}
		values, key := make(map[string]string), ""
		t.lines(dir+name+"/desc", n, func(line string) {
			switch {
			case strings.HasPrefix(line, "%") && strings.HasSuffix(line, "%"):
				key = line
			case values[key] == "":
				values[key] = clean(line)
			}
		})
		add(facts.Program{
			Name: values["%NAME%"], Version: values["%VERSION%"], Arch: values["%ARCH%"], Publisher: values["%PACKAGER%"],
			Source: "pacman", ID: values["%NAME%"], Bytes: parse(values["%SIZE%"]), Installed: seconds(values["%INSTALLDATE%"]),
		})
	}
}

// snaps are those that are in use: /snap/<name>/current.
func (t tree) snaps(n *notes, add func(facts.Program)) {
	for _, base := range []string{"/snap", "/var/lib/snapd/snap"} {
		for _, name := range t.names(base) {
			meta := base + "/" + name + "/current/meta/snap.yaml"
			if !t.exists(meta) {
				continue
			}
			version := ""
			t.lines(meta, n, func(line string) {
				if value, ok := strings.CutPrefix(line, "version:"); ok && version == "" {
					version = clean(strings.Trim(strings.TrimSpace(value), `'"`))
				}
			})
			add(facts.Program{Name: name, Version: version, Source: "snap", ID: name, Installed: t.changed("/var/lib/snapd/snaps/" + name + "_" + t.link(base+"/"+name+"/current") + ".snap")})
		}
		if t.link(base) != "" || len(t.names(base)) > 0 {
			return // the second place is often a link to the first
		}
	}
}
