package inventory

import (
	"cmp"
	"context"
	"net"
	"slices"
	"strings"

	"github.com/kanade-go/kanade/inventory/facts"
)

func (mac) network(ctx context.Context, n *notes) (any, error) {
	network := &facts.Network{Interfaces: []facts.Interface{}}
	conf, err := readFile("/etc/resolv.conf")
	n.miss("/etc/resolv.conf", withoutPath(err))
	network.DNS, network.Search = resolvConf(conf)
	kinds := macInterfaces(list("/Library/Preferences/SystemConfiguration/NetworkInterfaces.plist", n))
	gateways, links := macGateways(ctx), macLinks(toolNoting(ctx, n, "/sbin/ifconfig", "-a"))
	interfaces, err := net.Interfaces()
	for _, i := range interfaces {
		kind := macKind(i.Name, kinds[i.Name].kind)
		f := facts.Interface{
			Name: i.Name, Description: kinds[i.Name].name, Kind: kind, MAC: i.HardwareAddr.String(), MTU: i.MTU, Addresses: macAddresses(i),
			Up: i.Flags&net.FlagUp != 0 && i.Flags&net.FlagRunning != 0, Gateways: gateways[i.Name],
		}
		if i.Flags&net.FlagLoopback != 0 || kind == "" || kind == "vpn" && !routable(i) {
			continue
		}
		f.SpeedBits = links[i.Name].speed
		f.Addresses, f.Temporary = parted(f.Addresses, links[i.Name].temporary)
		configured(ctx, &f)
		network.Interfaces = append(network.Interfaces, f)
	}
	slices.SortFunc(network.Interfaces, func(a, b facts.Interface) int { return cmp.Compare(a.Name, b.Name) })
	return network, err
}

func macAddresses(i net.Interface) []string {
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

const ipconfig = "/usr/sbin/ipconfig"

// configured adds how an interface got its address, and the network that it is in.
// Without a lease ipconfig fails.
func configured(ctx context.Context, f *facts.Interface) {
	if !f.Up || f.Kind != "wifi" && f.Kind != "ethernet" {
		return
	}
	if out, err := tool(ctx, ipconfig, "getpacket", f.Name); err == nil {
		addPacket(f, out)
	}
	if f.Kind != "wifi" {
		return
	}
	if out, err := tool(ctx, ipconfig, "getsummary", f.Name); err == nil {
		f.SSID = macSSID(out)
	}
}

// routable tells tunnels of people from those that the system makes for itself.
func routable(i net.Interface) bool {
	all, err := i.Addrs()
	if err != nil {
		return false
	}
	return slices.ContainsFunc(all, func(a net.Addr) bool {
		address, ok := a.(*net.IPNet)
		return ok && !address.IP.IsLinkLocalUnicast()
	})
}

// macGateways are the default routes by interface. There may be none.
func macGateways(ctx context.Context) map[string][]string {
	all := make(map[string][]string)
	for _, family := range []string{"-inet", "-inet6"} {
		out, err := tool(ctx, "/sbin/route", "-n", "get", family, "default")
		if gateway, device := defaultRoute(out); err == nil && gateway != "" && !strings.HasPrefix(gateway, "link#") {
			all[device] = append(all[device], gateway)
		}
	}
	return all
}
