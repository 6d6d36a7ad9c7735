package inventory

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/inventory/facts"
)

func TestServices(t *testing.T) {
	const installable = "\n[Install]\nWantedBy=multi-user.target\n"
	host := hostOf(t, map[string]string{
		"/usr/lib/systemd/system/web.service":                     "[Unit]\nDescription=A web server\n[Service]\nUser=www\nExecStart=-/usr/sbin/web --password=hush\n" + installable,
		"/etc/systemd/system/multi-user.target.wants/web.service": "",
		"/sys/fs/cgroup/system.slice/web.service/cgroup.procs":    "4711\n4712\n",
		"/usr/lib/systemd/system/idle.service":                    "[Service]\nExecStart=/bin/idle\n" + installable,
		"/usr/lib/systemd/system/helper.service":                  "[Service]\nExecStart=/bin/helper\n",
		"/usr/lib/systemd/system/masked.service":                  "[Service]\nExecStart=/bin/masked\n" + installable,
		"/etc/systemd/system/masked.service":                      "",
		"/usr/lib/systemd/system/getty@.service":                  "[Service]\n",
		"/usr/lib/systemd/system/a.timer":                         "[Timer]\n",
	})
	require.Equal(t, []facts.Service{
		{Name: "helper.service", State: "stopped", Start: "static", Account: "root", Command: "/bin/helper"},
		{Name: "idle.service", State: "stopped", Start: "manual", Account: "root", Command: "/bin/idle"},
		{Name: "masked.service", State: "stopped", Start: "disabled", Account: "root"},
		{Name: "web.service", Display: "A web server", State: "running", Start: "auto", Account: "www", Command: "/usr/sbin/web", PID: 4711},
	}, collect[*facts.Services](t, host.services).Services)
}

// Rules that were loaded have no process: without systemd nobody knows.
func TestFirewallsThatOnlyLoadRules(t *testing.T) {
	host := hostOf(t, map[string]string{"/usr/lib/systemd/system/nftables.service": "[Service]\n"})
	require.Equal(t, []facts.Protection{{Name: "nftables"}}, collect[*facts.Security](t, host.security).Firewalls)
	host = newTree(shortRoot(t))
	writeFile(t, host.path("/usr/lib/systemd/system/nftables.service"), "[Service]\n")
	fakeSystemd(t, host.path(systemBus), func(serial uint32) []byte {
		return unitsReply(serial, loadedUnit{"nftables.service", "loaded", "active", "exited"})
	})
	require.Equal(t, []facts.Protection{{Name: "nftables", Enabled: new(true)}}, collect[*facts.Security](t, host.security).Firewalls)
}

func TestSecurity(t *testing.T) {
	yes, no := true, false
	host := hostOf(t, map[string]string{
		"/usr/lib/systemd/system/clamav-daemon.service":                  "",
		"/sys/fs/cgroup/system.slice/clamav-daemon.service/cgroup.procs": "9\n",
		"/lib/systemd/system/firewalld.service":                          "",
		"/etc/ufw/ufw.conf":                                              "# /etc/ufw\nENABLED=yes\n",
		"/sys/fs/selinux/enforce":                                        "1",
		"/var/lib/clamav/daily.cld":                                      "x",
	})
	require.Equal(t, &facts.Security{
		Antivirus: []facts.Protection{{Name: "ClamAV", Enabled: &yes, Updated: host.changed("/var/lib/clamav/daily.cld")}},
		Firewalls: []facts.Protection{{Name: "firewalld", Enabled: &no}, {Name: "ufw", Enabled: &yes}},
		Mandatory: "selinux enforcing",
	}, collect[*facts.Security](t, host.security))
}
