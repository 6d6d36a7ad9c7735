package inventory

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/kanade-go/kanade/inventory/facts"
)

// readFiles are the files whose contents the sections are made of.
var readFiles = []string{
	"/etc/os-release", "/etc/debian_version", "/etc/machine-id", "/etc/timezone", "/etc/locale.conf", "/etc/default/locale", "/etc/krb5.keytab", "/etc/krb5.conf",
	"/etc/sssd/sssd.conf", "/etc/passwd", "/etc/shadow", "/etc/group", "/etc/resolv.conf", "/etc/ufw/ufw.conf",
	"/run/systemd/resolve/resolv.conf", "/run/systemd/netif/leases/1", "/run/systemd/netif/leases/2", "/run/NetworkManager/devices/2",
	"/var/lib/dhcp/dhclient.leases", "/run/systemd/sessions/1", "/run/systemd/container", "/run/reboot-required", "/run/reboot-required.pkgs",
	"/proc/stat", "/proc/cpuinfo", "/proc/meminfo", "/proc/self/mountinfo", "/proc/net/route", "/proc/net/ipv6_route", "/proc/net/if_inet6",
	"/proc/sys/kernel/osrelease", "/proc/sys/kernel/hostname",
	"/sys/class/dmi/id/sys_vendor", "/sys/class/dmi/id/bios_date", "/sys/class/dmi/id/chassis_type", "/sys/firmware/dmi/tables/DMI", secureBootVar,
	"/sys/bus/pci/devices/0/vendor", "/sys/bus/pci/devices/0/device", "/sys/bus/pci/devices/0/class", "/sys/class/drm/card0-eDP-1/edid", "/usr/share/misc/pci.ids",
	"/sys/class/power_supply/BAT0/type", "/sys/class/power_supply/BAT0/energy_full", "/sys/class/power_supply/BAT0/status", "/sys/class/tpm/tpm0/tpm_version_major",
	"/sys/block/sda/size", "/sys/block/sda/device/model", "/sys/fs/selinux/enforce", "/sys/devices/system/cpu/cpu0/cache/index0/level",
	"/sys/devices/system/cpu/cpu0/cache/index0/size",
	"/usr/lib/systemd/system/web.service", "/sys/fs/cgroup/system.slice/web.service/cgroup.procs",
	"/var/lib/dpkg/status", "/var/lib/dpkg/status.d/one", "/lib/apk/db/installed", "/var/lib/pacman/local/one/desc", "/snap/core/current/meta/snap.yaml",
	"/var/lib/flatpak/app/a/current/active/metadata", "/var/lib/flatpak/app/a/current/active/export/share/metainfo/a.metainfo.xml",
	"/home/eve/.local/share/flatpak/app/b/current/active/metadata", "/home/eve/.local/share/flatpak/app/b/current/active/export/share/metainfo/b.metainfo.xml",
	"/usr/lib/sysimage/rpm/rpmdb.sqlite", "/var/lib/rpm/Packages.db", "/var/lib/rpm/Packages",
}

// everySection runs every section of a host, each of which must give something that JSON can
// hold, whatever the host has. It returns all of it.
func everySection(t testing.TB, host tree) (facts.Host, []facts.Problem) {
	var found facts.Host
	var problems []facts.Problem
	for name, p := range host.probes() {
		var n notes
		section, err := p(context.Background(), &n)
		require.NotNil(t, section, name)
		_, jsonErr := json.Marshal(section)
		require.NoError(t, jsonErr, name)
		found.Set(name, section)
		problems = append(problems, n.problems(name, err)...)
	}
	return found, problems
}

// Opening a FIFO waits for somebody who writes, and reading a device may never end.
func TestFilesThatWaitForSomebody(t *testing.T) {
	for kind, make := range map[string]func(path string) error{
		"fifo":      func(path string) error { return unix.Mkfifo(path, 0o600) },
		"folder":    func(path string) error { return os.Mkdir(path, 0o700) },
		"loop":      func(path string) error { return os.Symlink(filepath.Base(path), path) },
		"device":    func(path string) error { return os.Symlink("/dev/zero", path) },
		"terminal":  func(path string) error { return os.Symlink("/dev/ptmx", path) },
		"forbidden": func(path string) error { return os.WriteFile(path, nil, 0) },
	} {
		t.Run(kind, func(t *testing.T) {
			host := newTree(t.TempDir())
			for _, name := range readFiles {
				require.NoError(t, os.MkdirAll(filepath.Dir(host.path(name)), 0o700))
				require.NoError(t, make(host.path(name)))
			}
			_, problems := everySection(t, host)
			if kind != "forbidden" { // root may
				require.NotEmpty(t, problems)
			}
		})
	}
}

// A folder in which every name leads back to itself.
func TestBlockDevicesInCircles(t *testing.T) {
	host := hostOf(t, map[string]string{"/proc/self/mountinfo": "22 1 253:0 / / rw - ext4 /dev/mapper/root rw\n"})
	for a := range 20 {
		for b := range 20 {
			writeFile(t, host.path(fmt.Sprintf("/sys/class/block/dm-%d/slaves/dm-%d/x", a, b)), "")
		}
	}
	require.NoError(t, os.MkdirAll(host.path("/sys/dev/block"), 0o700))
	require.NoError(t, os.Symlink(host.path("/sys/class/block/dm-0"), host.path("/sys/dev/block/253:0")))
	found, _ := everySection(t, host)
	require.Len(t, found.Storage.Volumes, 1)
}

func TestTextsThatNobodyMeant(t *testing.T) {
	long := strings.Repeat("é", 1<<19)
	host := hostOf(t, map[string]string{
		"/etc/os-release":              "NAME=\"De\x00bian\"\nPRETTY_NAME=\"\xff\xfeDebian\"\nID='" + long + "'\nVERSION_ID\n=x\n",
		"/var/lib/dpkg/status":         "Package: " + long + "\nStatus: install ok installed\nVersion: 1\nInstalled-Size: 18446744073709551615\n\nPackage: next\nStatus: install ok installed\nInstalled-Size: 99999999999999999999\n",
		"/var/lib/pacman/local/a/desc": "%NAME%\na\n\n%INSTALLDATE%\n999999999999\n\n%SIZE%\n-5\n",
		"/run/systemd/sessions/1":      "CLASS=user\nUSER=eve\nREALTIME=18446744073709551615\n",
		"/proc/meminfo":                "MemTotal: 18446744073709551615 kB\nSwapTotal:  -1 kB\n",
		"/sys/block/sda/size":          "18446744073709551615\n",
		"/proc/stat":                   "btime 9223372036854775807\n",
		"/etc/passwd":                  "eve:x:99999999999999999999:1:" + long + ":/home/eve:/bin/sh\nbroken\n:::::::::\n",
		"/etc/group":                   "wheel:x:10:" + strings.Repeat("eve,", 100_000) + "\n",
		"/etc/shadow":                  "eve:!:1:1:1:1:1:18446744073709551615:\n",
	})
	found, _ := everySection(t, host)
	require.Equal(t, "�Debian", found.OS.Name)
	require.Nil(t, found.OS.BootedAt)
	require.LessOrEqual(t, len(found.OS.ID), maxText+len("…"))
	require.Len(t, found.Software.Programs, 3)
	for _, p := range found.Software.Programs {
		require.LessOrEqual(t, len(p.Name), maxText+len("…"))
		require.Zero(t, p.Bytes)
		require.Nil(t, p.Installed)
	}
	require.Zero(t, found.Hardware.RAMBytes)
	require.Empty(t, found.Storage.Disks)
	require.Nil(t, found.Accounts.Sessions[0].Since)
}

// A list that goes on for ever costs what is behind its bound, and no memory.
func TestAStatusOf300MiB(t *testing.T) {
	host := hostOf(t, map[string]string{"/var/lib/dpkg/status": "Package: first\nStatus: install ok installed\nVersion: 1\n\n"})
	require.NoError(t, os.Truncate(host.path("/var/lib/dpkg/status"), 300<<20))
	before := allocated()
	found, problems := everySection(t, host)
	require.Less(t, allocated()-before, uint64(64<<20), "it is not read as a whole")
	require.Len(t, found.Software.Programs, 1)
	require.Len(t, problems, 1)
	require.Contains(t, problems[0].Text, "larger than")
}

func TestMorePackagesThanABoundAllows(t *testing.T) {
	host := hostOf(t, map[string]string{"/lib/apk/db/installed": strings.Repeat("P:a\nV:1\n\n", maxPrograms+10)})
	section, err := host.software(t.Context(), new(notes))
	require.ErrorIs(t, err, errTooManyPrograms)
	require.Len(t, section.(*facts.Software).Programs, maxPrograms)
}

// A user must not have root read what is not theirs, nor lose the section for all.
func TestHomesThatMisleadRoot(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can be misled")
	}
	app := "/home/eve/.local/share/flatpak/app/x/current/active/"
	host := hostOf(t, map[string]string{
		app + "metadata": "", "/secret": "<name>hush</name>\n", "/lib/apk/db/installed": "P:musl\nV:1\n",
	})
	require.NoError(t, os.Chown(host.path("/home/eve"), 1234, 1234))
	require.NoError(t, os.MkdirAll(host.path(app+"export/share/metainfo"), 0o755))
	require.NoError(t, os.Symlink(host.path("/secret"), host.path(app+"export/share/metainfo/x.metainfo.xml")))
	far := time.Date(20000, 1, 1, 0, 0, 0, 0, time.UTC)
	_ = os.Chtimes(host.path(app+"metadata"), far, far) // some file systems refuse
	programs := collect[*facts.Software](t, host.software).Programs
	require.Equal(t, []string{"musl", "x"}, []string{programs[0].Name, programs[1].Name})
}

// A dead mount costs its own sizes. It is asked once, and not again before it has
// answered.
func TestAMountThatGivesNoAnswer(t *testing.T) {
	host := hostOf(t, map[string]string{
		"/proc/self/mountinfo": "1 1 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 8:2 / /dead rw - fuseblk /dev/sda2 rw\n3 1 8:3 / /z rw - ext4 /dev/sda3 rw\n",
	})
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		var asked atomic.Int64
		host.waits = &waits{}
		host.statfs = func(path string, st *unix.Statfs_t) error {
			if strings.HasSuffix(path, "/dead") {
				asked.Add(1)
				<-release
			}
			st.Frsize, st.Blocks, st.Bavail = 512, 100, 50
			return nil
		}
		for range 20 {
			volumes, err := host.volumes(t.Context(), new(notes))
			require.ErrorContains(t, err, "/dead: ")
			require.Len(t, volumes, 3)
			require.NotZero(t, volumes[0].Bytes)
			require.Zero(t, volumes[1].Bytes)
			require.NotZero(t, volumes[2].Bytes)
		}
		require.EqualValues(t, 1, asked.Load(), "nothing piles up behind it")
		close(release)
		synctest.Wait()
		_, err := host.volumes(t.Context(), new(notes))
		require.NoError(t, err, "it heals")
	})
}

func TestWaitsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w waits
		var asked atomic.Int64
		release := make(chan struct{})
		for i := range 3 * maxWaiting {
			_, err := await(t.Context(), &w, fmt.Sprint(i), func() (int, error) { asked.Add(1); <-release; return 0, nil })
			require.Error(t, err)
		}
		require.EqualValues(t, maxWaiting, asked.Load())
		close(release)
		synctest.Wait()
		_, err := await(t.Context(), &w, "x", func() (int, error) { panic("boom") })
		require.ErrorIs(t, err, ErrPanic)
		n, err := await(t.Context(), &w, "x", func() (int, error) { return 7, nil })
		require.NoError(t, err)
		require.Equal(t, 7, n)
	})
}

// FuzzFiles puts anything into any file that is read.
func FuzzFiles(f *testing.F) {
	for i, text := range []string{
		"A=\"b\"\n", "Package: a\nStatus: install ok installed\n", "%NAME%\na\n", "22 1 8:1 / /a\\040b rw - ext4 /dev/sda1 rw\n", "eve:x:1:1:e:/:/bin/sh\n",
		"lease {\n interface \"eth0\";\n fixed-address 192.0.2.7;\n}\n", "[Service]\nExecStart=-@/bin/a b\n", "<name>x</name><release version=\"1\"/>",
	} {
		f.Add(uint8(i), []byte(text))
	}
	for i := range readFiles {
		f.Add(uint8(i), []byte("A=1\n\x00\xff:\n"))
	}
	f.Fuzz(func(t *testing.T, which uint8, data []byte) {
		host := newTree(t.TempDir())
		for _, name := range []string{readFiles[int(which)%len(readFiles)], "/proc/cpuinfo"} {
			require.NoError(t, os.MkdirAll(filepath.Dir(host.path(name)), 0o700))
			require.NoError(t, os.WriteFile(host.path(name), data, 0o600))
		}
		everySection(t, host)
	})
}
