package inventory

import (
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/inventory/facts"
)

func TestOS(t *testing.T) {
	host := hostOf(t, map[string]string{
		"/etc/os-release":                "NAME=\"Debian GNU/Linux\"\nPRETTY_NAME='Debian GNU/Linux 12 (bookworm)'\nVERSION_ID=\"12\"\nID=debian\nVERSION_CODENAME=bookworm\n# x\n",
		"/etc/debian_version":            "12.11\n",
		"/proc/sys/kernel/osrelease":     "6.1.0-31-amd64\n",
		"/proc/stat":                     "cpu 1 2 3\nbtime 1700000000\n",
		"/etc/default/locale":            "LANG=de_AT.UTF-8\n",
		"/etc/timezone":                  "Europe/Vienna\n",
		"/etc/machine-id":                "0123456789abcdef0123456789abcdef\n",
		"/sys/class/dmi/id/sys_vendor":   "QEMU\n",
		"/etc/krb5.keytab":               "x",
		"/etc/krb5.conf":                 "[libdefaults]\n\tdefault_realm = EXAMPLE.ORG\n",
		"/run/reboot-required":           "*** System restart required ***\n",
		"/run/reboot-required.pkgs":      "linux-image-6.1.0-32-amd64\nlibc6\n",
		"/lib/modules/6.1.0-32-amd64/xy": "",
	})
	_, offset := time.Now().Zone()
	got := collect[*facts.OS](t, host.os)
	got.Installed = nil // of this machine's file system
	require.Equal(t, &facts.OS{
		Family: "linux", Name: "Debian GNU/Linux 12 (bookworm)", ID: "debian", Version: "12.11", Release: "bookworm", Kernel: "6.1.0-31-amd64",
		Arch: runtime.GOARCH, BootedAt: at(1700000000), Locale: "de_AT.UTF-8", TimeZone: "Europe/Vienna", UTCOffset: offset,
		MachineID: "0123456789abcdef0123456789abcdef", Virtual: "kvm", Domain: facts.Domain{Kind: "realm", Name: "EXAMPLE.ORG"},
		RestartPending: []string{"packages: linux-image-6.1.0-32-amd64 libc6", "the modules of the running kernel are gone: 6.1.0-31-amd64"},
	}, got)
}

func TestDistributions(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		want  string
	}{
		"alpine": {map[string]string{"/usr/lib/os-release": "NAME=\"Alpine Linux\"\nID=alpine\nVERSION_ID=3.22.1\nPRETTY_NAME=\"Alpine Linux v3.22\"\n"}, "Alpine Linux v3.22|3.22.1|"},
		"fedora": {map[string]string{"/etc/os-release": "NAME=Fedora\nVERSION_ID=43\nPRETTY_NAME=\"Fedora Linux 43 (Server)\"\nVARIANT=\"Server Edition\"\n"}, "Fedora Linux 43 (Server)|43|Server Edition"},
		"arch":   {map[string]string{"/etc/os-release": "NAME=\"Arch Linux\"\nBUILD_ID=rolling\n"}, "Arch Linux|rolling|"},
		"quotes": {map[string]string{"/etc/os-release": "NAME=\"a \\\"b\\\" \\$c\"\n"}, `a "b" $c||`},
	} {
		t.Run(name, func(t *testing.T) {
			got := collect[*facts.OS](t, hostOf(t, c.files).os)
			require.Equal(t, c.want, got.Name+"|"+got.Version+"|"+got.Edition)
		})
	}
}

func TestVirtual(t *testing.T) {
	for want, files := range map[string]map[string]string{
		"wsl":    {"/proc/sys/kernel/osrelease": "5.15.167.4-microsoft-standard-WSL2"},
		"lxc":    {"/run/systemd/container": "lxc"},
		"docker": {"/.dockerenv": ""},
		"hyperv": {"/sys/class/dmi/id/sys_vendor": "Microsoft Corporation", "/sys/class/dmi/id/product_name": "Virtual Machine"},
		"xen":    {"/sys/hypervisor/type": "xen\n"},
		"":       {"/sys/class/dmi/id/sys_vendor": "Dell Inc."},
	} {
		require.Equal(t, want, hostOf(t, files).virtual())
	}
}

func TestDomainsOfSSSD(t *testing.T) {
	for content, want := range map[string]facts.Domain{
		"[sssd]\ndomains = corp.example, other\n[domain/other]\nid_provider = ldap\n[domain/corp.example]\nid_provider = ad\n": {Kind: "ad", Name: "corp.example"},
		"[sssd]\ndomains=ldap.example\n[domain/ldap.example]\nid_provider=ldap\n":                                              {Kind: "realm", Name: "ldap.example"},
		"[sssd]\nservices = nss\n": {},
	} {
		require.Equal(t, want, collect[*facts.OS](t, hostOf(t, map[string]string{"/etc/sssd/sssd.conf": content}).os).Domain)
	}
}
