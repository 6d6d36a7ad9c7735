package inventory

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/inventory/facts"
)

func at(seconds int64) *time.Time { return moment(time.Unix(seconds, 0)) }

func TestDpkg(t *testing.T) {
	host := hostOf(t, map[string]string{
		"/var/lib/dpkg/status": `Package: zlib1g
Status: install ok installed
Maintainer: Somebody <a@example.org>
Installed-Size: 163
Architecture: amd64
Multi-Arch: same
Version: 1:1.2.13.dfsg-1
Description: compression library
 Version: 7, which is no field but text
 .

Package: gone
Status: deinstall ok config-files
Version: 1

Package: half
Status: install ok half-configured
Version: 2
`,
		"/var/lib/dpkg/info/zlib1g:amd64.list": "",
		"/var/lib/dpkg/status.d/base":          "Package: base-files\nVersion: 12\n",
		"/var/lib/dpkg/status.d/base.md5sums":  "Package: no\n",
	})
	require.NoError(t, os.Chtimes(host.path("/var/lib/dpkg/info/zlib1g:amd64.list"), time.Unix(7, 0), time.Unix(1700000000, 0)))
	require.Equal(t, []facts.Program{
		{Name: "base-files", Version: "12", Source: "dpkg", Scope: "machine", ID: "base-files"},
		{
			Name: "zlib1g", Version: "1:1.2.13.dfsg-1", Publisher: "Somebody <a@example.org>", Arch: "amd64", Source: "dpkg", Scope: "machine",
			ID: "zlib1g", Bytes: 163 << 10, Installed: at(1700000000),
		},
	}, collect[*facts.Software](t, host.software).Programs)
}

func TestRPM(t *testing.T) {
	beta := facts.Program{
		Name: "beta", Version: "3:2.0-1.el9", Publisher: "Example Works", Arch: "noarch", Section: "Test/Things", Source: "rpm", Scope: "machine",
		ID: "beta", Bytes: 171, Installed: at(1795359224),
	}
	for name, files := range map[string]map[string]string{
		"sqlite":   {"/usr/lib/sysimage/rpm/rpmdb.sqlite": unzip(t, "rpm/rpmdb.sqlite.gz")},
		"older":    {"/var/lib/rpm/rpmdb.sqlite": unzip(t, "rpm/rpmdb.sqlite.gz")},
		"berkeley": {"/var/lib/rpm/Packages": unzip(t, "rpm/Packages.gz")},
		"ndb":      {"/usr/lib/sysimage/rpm/Packages.db": ndbOf(blobs(t))},
	} {
		t.Run(name, func(t *testing.T) {
			programs := collect[*facts.Software](t, hostOf(t, files).software).Programs
			require.Len(t, programs, 3)
			require.Equal(t, "1.2.3-4", programs[0].Version)
			require.Equal(t, beta, programs[1])
			require.Equal(t, "gamma", programs[2].Name)
		})
	}
}

// A database that is damaged anywhere gives what is whole, and a problem; it
// never ends the collector.
func TestDamagedRPM(t *testing.T) {
	for name, whole := range map[string]string{
		"/var/lib/rpm/rpmdb.sqlite": unzip(t, "rpm/rpmdb.sqlite.gz"),
		"/var/lib/rpm/Packages":     unzip(t, "rpm/Packages.gz"),
		"/var/lib/rpm/Packages.db":  ndbOf(blobs(t)),
	} {
		for _, keep := range []int{0, 7, 100, 511, 4096, len(whole) / 2} {
			host, n := hostOf(t, map[string]string{name: whole[:keep]}), new(notes)
			_, err := host.software(t.Context(), n)
			require.NoError(t, err)
			require.NotEmpty(t, n.problems("sw", nil), "%s cut to %d bytes", name, keep)
		}
		for i := range 200 {
			broken := []byte(whole)
			for k := i * 7; k < len(broken); k += 1009 {
				broken[k] ^= byte(i + 1)
			}
			_, err := hostOf(t, map[string]string{name: string(broken)}).software(t.Context(), new(notes))
			require.NoError(t, err)
		}
	}
}

func TestApk(t *testing.T) {
	host := hostOf(t, map[string]string{"/lib/apk/db/installed": `C:Q1pSf=
P:musl
V:1.2.5-r8
A:x86_64
I:667648
m:Somebody <b@example.org>
F:lib
R:libc.musl-x86_64.so.1

P:busybox
V:1.37.0-r8
A:x86_64
`})
	programs := collect[*facts.Software](t, host.software).Programs
	require.Equal(t, []string{"busybox 1.37.0-r8", "musl 1.2.5-r8"}, []string{programs[0].Name + " " + programs[0].Version, programs[1].Name + " " + programs[1].Version})
	require.EqualValues(t, 667648, programs[1].Bytes)
}

func TestPacman(t *testing.T) {
	host := hostOf(t, map[string]string{
		"/var/lib/pacman/local/ALPM_DB_VERSION":   "9\n",
		"/var/lib/pacman/local/zstd-1.5.6-1/desc": "%NAME%\nzstd\n\n%VERSION%\n1.5.6-1\n\n%ARCH%\nx86_64\n\n%INSTALLDATE%\n1700000000\n\n%SIZE%\n1234\n\n%LICENSE%\nBSD\nGPL\n",
	})
	require.Equal(t, []facts.Program{{
		Name: "zstd", Version: "1.5.6-1", Arch: "x86_64", Source: "pacman", Scope: "machine", ID: "zstd", Bytes: 1234, Installed: at(1700000000),
	}}, collect[*facts.Software](t, host.software).Programs)
}

func TestSnapsAndFlatpaks(t *testing.T) {
	app := "/home/ann/.local/share/flatpak/app/org.example.Paint/current/active/"
	host := hostOf(t, map[string]string{
		"/snap/core22/1612/meta/snap.yaml": "name: core22\nversion: '20240823'\n",
		"/snap/core22/current":             "-> /snap/core22/1612",
		"/snap/bin/x":                      "",
		app + "metadata":                   "[Application]\n",
		app + "export/share/metainfo/org.example.Paint.metainfo.xml": `<component><name>Paint</name>
<releases><release date="2024-01-01" version="3.2"/><release version="3.1"/></releases>`,
	})
	programs := collect[*facts.Software](t, host.software).Programs
	require.Len(t, programs, 2)
	require.Equal(t, "core22 20240823 snap machine", strings.Join([]string{programs[0].Name, programs[0].Version, programs[0].Source, programs[0].Scope}, " "))
	require.Equal(t, "Paint 3.2 flatpak user:ann", strings.Join([]string{programs[1].Name, programs[1].Version, programs[1].Source, programs[1].Scope}, " "))
}

// BenchmarkPackages parses 5,000 packages of dpkg.
func BenchmarkPackages(b *testing.B) {
	var status strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&status, "Package: package-%d\nStatus: install ok installed\nInstalled-Size: 100\nMaintainer: Somebody <a@example.org>\nArchitecture: amd64\nVersion: 1.%d\nDepends: libc6 (>= 2.36), libgcc-s1\nDescription: one of many\n With a text of two lines,\n as most have.\n\n", i, i)
	}
	root := b.TempDir()
	require.NoError(b, os.MkdirAll(root+"/var/lib/dpkg", 0o700))
	require.NoError(b, os.WriteFile(root+"/var/lib/dpkg/status", []byte(status.String()), 0o600))
	for b.Loop() {
		section, err := newTree(root).software(b.Context(), new(notes))
		require.NoError(b, err)
		require.Len(b, section.(*facts.Software).Programs, 5000)
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/1000, "ms/5000-packages")
}
