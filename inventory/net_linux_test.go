package inventory

import (
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/inventory/facts"
)

func TestGateways(t *testing.T) {
	host := hostOf(t, map[string]string{
		"/proc/net/route": "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n" +
			"eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n" +
			"eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n",
		"/proc/net/ipv6_route": "00000000000000000000000000000000 00 00000000000000000000000000000000 00 fe800000000000000000000000000001 00000400 00000003 00000000 00000003     eth0\n" +
			"00000000000000000000000000000000 00 00000000000000000000000000000000 00 00000000000000000000000000000000 ffffffff 00000001 00000000 00200200       lo\n" +
			"fd000000000000000000000000000000 40 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000001 00000000 00000001     eth0\n",
	})
	require.Equal(t, map[string][]string{"eth0": {"192.0.2.1", "fe80::1"}}, host.gateways(new(notes)))
}

// Behind the local resolver of systemd its own list is the truth.
func TestResolver(t *testing.T) {
	files := map[string]string{"/etc/resolv.conf": "# x\nnameserver 192.0.2.53\nsearch a.example b.example\n"}
	servers, search, _ := hostOf(t, files).resolver(new(notes))
	require.Equal(t, []string{"192.0.2.53"}, servers)
	require.Equal(t, []string{"a.example", "b.example"}, search)
	files["/etc/resolv.conf"] = "nameserver 127.0.0.53\n"
	files["/run/systemd/resolve/resolv.conf"] = "nameserver 198.51.100.1\nnameserver 2001:db8::1\n"
	servers, _, _ = hostOf(t, files).resolver(new(notes))
	require.Equal(t, []string{"198.51.100.1", "2001:db8::1"}, servers)
}

func TestLeases(t *testing.T) {
	yes := true
	for name, files := range map[string]map[string]string{
		"networkd":       {"/run/systemd/netif/leases/7": "# private\nADDRESS=192.0.2.7\nSERVER_ADDRESS=192.0.2.1\nDNS=192.0.2.2 192.0.2.3\n"},
		"NetworkManager": {"/run/NetworkManager/devices/7": "[device]\n[dhcp4]\ndhcp4.dhcp_server_identifier=192.0.2.1\ndhcp4.domain_name_servers=192.0.2.2 192.0.2.3\n"},
	} {
		var got facts.Interface
		hostOf(t, files).lease(net.Interface{Index: 7}, &got)
		require.Equal(t, facts.Interface{DHCP: &yes, DHCPServer: "192.0.2.1", DNS: []string{"192.0.2.2", "192.0.2.3"}}, got, name)
	}
}

// The last lease of an interface counts, if its address is still in use.
func TestALeaseOfDhclient(t *testing.T) {
	const leases = `lease {
  interface "eth0";
  fixed-address 192.0.2.9;
  option dhcp-server-identifier 192.0.2.99;
}
lease {
  interface "eth0";
  fixed-address 192.0.2.7;
  option domain-name-servers 192.0.2.2, 192.0.2.3;
  option dhcp-server-identifier 192.0.2.1;
  expire 2 2031/03/04 05:00:00;
}
lease {
  interface "eth1";
  fixed-address 192.0.2.7;
}
`
	for _, file := range []string{"/var/lib/dhcp/dhclient.leases", "/var/lib/dhcp/dhclient.eth0.leases", "/var/lib/dhclient/dhclient-eth0.leases"} {
		host := hostOf(t, map[string]string{file: leases})
		got := facts.Interface{Name: "eth0", Addresses: []string{"192.0.2.7/24"}}
		host.lease(net.Interface{Index: 7, Name: "eth0"}, &got)
		want := facts.Interface{Name: "eth0", Addresses: got.Addresses, DHCP: new(true), DHCPServer: "192.0.2.1", DNS: []string{"192.0.2.2", "192.0.2.3"}}
		require.Equal(t, want, got, file)
		stale := facts.Interface{Name: "eth0", Addresses: []string{"192.0.2.70/24"}}
		host.lease(net.Interface{Index: 7, Name: "eth0"}, &stale)
		require.Nil(t, stale.DHCP)
	}
}

func TestTemporaryAddresses(t *testing.T) {
	host := hostOf(t, map[string]string{"/proc/net/if_inet6": `20010db8000000000000000000000001 02 40 00 00     eth0
20010db8000000000000000000000002 02 40 00 01     eth0
20010db8000000000000000000000003 02 40 00 21     eth0
fe800000000000000000000000000001 02 40 20 80     eth0
broken
`})
	lasting, passing := parted([]string{"192.0.2.7/24", "2001:db8::1/64", "2001:db8::2/64", "2001:db8::3/64", "fe80::1/64"}, host.temporary(new(notes))["eth0"])
	require.Equal(t, []string{"192.0.2.7/24", "2001:db8::1/64", "fe80::1/64"}, lasting)
	require.Equal(t, []string{"2001:db8::2/64", "2001:db8::3/64"}, passing)
}

func TestTheDomainOfNames(t *testing.T) {
	for content, want := range map[string]string{"domain a.example\n": "a.example", "search b.example\n": "b.example.org"} {
		host := hostOf(t, map[string]string{"/etc/resolv.conf": content, "/proc/sys/kernel/hostname": "pc.b.example.org\n"})
		require.Equal(t, want, collect[*facts.Network](t, host.network).Domain)
	}
}

func TestLinkKinds(t *testing.T) {
	host := hostOf(t, map[string]string{
		"/sys/class/net/wlan0/phy80211/x": "", "/sys/class/net/br0/bridge/x": "", "/sys/class/net/tun0/tun_flags": "", "/sys/class/net/eth0/device/x": "",
		"/sys/class/net/veth1/ifindex": "1",
	})
	for name, want := range map[string]string{"wlan0": "wifi", "br0": "bridge", "tun0": "vpn", "wg7": "vpn", "wwan0": "cellular", "eth0": "ethernet", "veth1": "virtual"} {
		require.Equal(t, want, host.linkKind(name), name)
	}
}
