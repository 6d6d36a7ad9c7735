package inventory

import (
	"cmp"
	"context"
	"encoding/binary"
	"encoding/hex"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/kanade-go/kanade/inventory/facts"
)

func (t tree) network(_ context.Context, n *notes) (any, error) {
	network := &facts.Network{Interfaces: []facts.Interface{}}
	network.DNS, network.Search = t.resolver(n)
	gateways := t.gateways(n)
	interfaces, err := net.Interfaces()
	for _, i := range interfaces {
		if i.Flags&net.FlagLoopback != 0 {
			continue
		}
		f := t.networkInterface(i)
		f.Gateways = gateways[i.Name]
		network.Interfaces = append(network.Interfaces, f)
	}
	slices.SortFunc(network.Interfaces, func(a, b facts.Interface) int { return cmp.Compare(a.Name, b.Name) })
	return network, err
}

func (t tree) networkInterface(i net.Interface) facts.Interface {
	dir := "/sys/class/net/" + i.Name + "/"
	f := facts.Interface{
		Name: i.Name, MAC: i.HardwareAddr.String(), MTU: i.MTU, Kind: t.linkKind(i.Name), Addresses: addresses(i),
		Up:          i.Flags&net.FlagUp != 0 && i.Flags&net.FlagRunning != 0,
		SpeedBits:   megabits(t.text(dir + "speed")),
		Description: t.link(dir + "device/driver"), SSID: ssid(i.Name),
	}
	t.lease(i, &f)
	return f
}

// megabits: the kernel says -1 where it does not know.
func megabits(s string) uint64 { return parse(s) * 1_000_000 }

// addresses without those that a host makes up for a link.
func addresses(i net.Interface) []string {
	all, err := i.Addrs()
	if err != nil {
		return nil // the interface went away
	}
	var texts []string
	for _, a := range all {
		texts = append(texts, a.String())
	}
	slices.Sort(texts)
	return texts
}

func (t tree) linkKind(name string) string {
	dir := "/sys/class/net/" + name + "/"
	switch {
	case t.exists(dir + "wireless"), t.exists(dir + "phy80211"):
		return "wifi"
	case t.exists(dir + "bridge"):
		return "bridge"
	case t.exists(dir + "tun_flags"), strings.HasPrefix(name, "wg"), t.text(dir+"type") == "65534":
		return "vpn"
	case strings.HasPrefix(name, "wwan"):
		return "cellular"
	case t.exists(dir + "device"):
		return "ethernet"
	}
	return "virtual"
}

// gateways are the default routes by interface.
func (t tree) gateways(n *notes) map[string][]string {
	all := make(map[string][]string)
	add := func(name string, address netip.Addr) {
		if address.IsValid() && !address.IsUnspecified() && !slices.Contains(all[name], address.String()) {
			all[name] = append(all[name], address.String())
		}
	}
	t.lines("/proc/net/route", n, func(line string) {
		if f := strings.Fields(line); len(f) > 7 && f[1] == "00000000" && f[7] == "00000000" {
			add(f[0], routeAddress(f[2]))
		}
	})
	t.lines("/proc/net/ipv6_route", n, func(line string) {
		if f := strings.Fields(line); len(f) > 9 && strings.Trim(f[0]+f[1], "0") == "" && f[9] != "lo" {
			add(f[9], routeAddress6(f[4]))
		}
	})
	return all
}

// routeAddress reads an IPv4 address as the kernel prints it: a number in the
// byte order of the machine.
func routeAddress(s string) netip.Addr {
	v, err := strconv.ParseUint(s, 16, 32)
	if err != nil {
		return netip.Addr{}
	}
	var b [4]byte
	binary.NativeEndian.PutUint32(b[:], uint32(v))
	return netip.AddrFrom4(b)
}

func routeAddress6(s string) netip.Addr {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != 16 {
		return netip.Addr{}
	}
	return netip.AddrFrom16([16]byte(b))
}

// resolver are the servers that names are asked of. Behind the local one of
// systemd its own list is the truth.
func (t tree) resolver(n *notes) (servers, search []string) {
	file := "/etc/resolv.conf"
	for range 2 {
		servers, search = nil, nil
		t.lines(file, n, func(line string) {
			f := strings.Fields(line)
			switch {
			case len(f) > 1 && f[0] == "nameserver":
				servers = append(servers, f[1])
			case len(f) > 1 && (f[0] == "search" || f[0] == "domain"):
				search = f[1:]
			}
		})
		if !slices.Contains(servers, "127.0.0.53") {
			return servers, search
		}
		file = "/run/systemd/resolve/resolv.conf"
	}
	return servers, search
}

// lease is what a DHCP client wrote down: systemd-networkd, or a file of
// NetworkManager.
func (t tree) lease(i net.Interface, f *facts.Interface) {
	index := strconv.Itoa(i.Index)
	if lease := t.assignments("/run/systemd/netif/leases/"+index, new(notes)); len(lease) > 0 {
		yes := true
		f.DHCP, f.DHCPServer = &yes, lease["SERVER_ADDRESS"]
		f.DNS = strings.Fields(lease["DNS"])
		return
	}
	for name, value := range t.assignments("/run/NetworkManager/devices/"+index, new(notes)) {
		switch name {
		case "dhcp4.dhcp_server_identifier":
			yes := true
			f.DHCP, f.DHCPServer = &yes, value
		case "dhcp4.domain_name_servers":
			f.DNS = strings.Fields(value)
		}
	}
}
