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
	network.DNS, network.Search, network.Domain = t.resolver(n)
	_, suffix, _ := strings.Cut(t.text("/proc/sys/kernel/hostname"), ".")
	network.Domain = first(network.Domain, suffix)
	gateways, temporary := t.gateways(n), t.temporary(n)
	interfaces, err := net.Interfaces()
	for _, i := range interfaces {
		if i.Flags&net.FlagLoopback != 0 {
			continue
		}
		f := t.networkInterface(i)
		f.Gateways = gateways[i.Name]
		f.Addresses, f.Temporary = parted(f.Addresses, temporary[i.Name])
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

// temporary are the addresses of RFC 8981 by interface: those with the flag
// IFA_F_TEMPORARY of linux/if_addr.h.
func (t tree) temporary(n *notes) map[string]map[netip.Addr]bool {
	all := make(map[string]map[netip.Addr]bool)
	t.lines("/proc/net/if_inet6", n, func(line string) {
		f := strings.Fields(line) // address, index, prefix length, scope, flags, name
		if len(f) != 6 {
			return
		}
		if flags, err := strconv.ParseUint(f[4], 16, 32); err != nil || flags&1 == 0 {
			return
		}
		if all[f[5]] == nil {
			all[f[5]] = make(map[netip.Addr]bool)
		}
		all[f[5]][routeAddress6(f[0])] = true
	})
	return all
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
	for _, gateways := range all {
		slices.Sort(gateways)
	}
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
func (t tree) resolver(n *notes) (servers, search []string, domain string) {
	file := "/etc/resolv.conf"
	for range 2 {
		servers, search = nil, nil
		t.lines(file, n, func(line string) {
			f := strings.Fields(line)
			switch {
			case len(f) > 1 && f[0] == "nameserver":
				servers = append(servers, f[1])
			case len(f) > 1 && f[0] == "search":
				search = f[1:]
			case len(f) > 1 && f[0] == "domain":
				search, domain = f[1:], f[1]
			}
		})
		if !slices.Contains(servers, "127.0.0.53") {
			return servers, search, domain
		}
		file = "/run/systemd/resolve/resolv.conf"
	}
	return servers, search, domain
}
