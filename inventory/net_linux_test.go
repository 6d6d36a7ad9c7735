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
	servers, search := hostOf(t, files).resolver(new(notes))
	require.Equal(t, []string{"192.0.2.53"}, servers)
	require.Equal(t, []string{"a.example", "b.example"}, search)
	files["/etc/resolv.conf"] = "nameserver 127.0.0.53\n"
	files["/run/systemd/resolve/resolv.conf"] = "nameserver 198.51.100.1\nnameserver 2001:db8::1\n"
	servers, _ = hostOf(t, files).resolver(new(notes))
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

func TestLinkKinds(t *testing.T) {
	host := hostOf(t, map[string]string{
		"/sys/class/net/wlan0/phy80211/x": "", "/sys/class/net/br0/bridge/x": "", "/sys/class/net/tun0/tun_flags": "", "/sys/class/net/eth0/device/x": "",
		"/sys/class/net/veth1/ifindex": "1",
	})
	for name, want := range map[string]string{"wlan0": "wifi", "br0": "bridge", "tun0": "vpn", "wg7": "vpn", "wwan0": "cellular", "eth0": "ethernet", "veth1": "virtual"} {
		require.Equal(t, want, host.linkKind(name), name)
	}
}
