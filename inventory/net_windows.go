package inventory

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"unsafe"

	"golang.org/x/sys/windows"

	"github.com/kanade-go/kanade/inventory/facts"
)

func (h host) network(_ context.Context, n *notes) (any, error) {
	network := &facts.Network{Interfaces: []facts.Interface{}}
	machineKey(`SYSTEM\CurrentControlSet\Services\Tcpip\Parameters`, n, func(k key) {
		network.Domain = first(k.text("Domain"), k.text("NV Domain"))
		network.Search = strings.FieldsFunc(k.text("SearchList"), func(r rune) bool { return r == ',' || r == ' ' })
	})
	wifi := false
	err := adapters(func(a *windows.IpAdapterAddresses) {
		if a.IfType == windows.IF_TYPE_SOFTWARE_LOOPBACK || a.IfType == windows.IF_TYPE_TUNNEL && a.OperStatus != windows.IfOperStatusUp {
			return
		}
		f := adapter(a)
		wifi = wifi || f.Kind == "wifi"
		network.Interfaces = append(network.Interfaces, f)
	})
	slices.SortFunc(network.Interfaces, func(a, b facts.Interface) int { return cmp.Compare(a.Name, b.Name) })
	for _, i := range network.Interfaces {
		if i.Up {
			network.DNS = merge(network.DNS, i.DNS)
		}
	}
	if wifi {
		addSSIDs(network.Interfaces, n)
	}
	return network, err
}

func merge(all, more []string) []string {
	for _, s := range more {
		if !slices.Contains(all, s) {
			all = append(all, s)
		}
	}
	return all
}

// adapters yields the list of the system, which may grow between two calls.
func adapters(each func(*windows.IpAdapterAddresses)) error {
	const flags = windows.GAA_FLAG_SKIP_ANYCAST | windows.GAA_FLAG_SKIP_MULTICAST | windows.GAA_FLAG_INCLUDE_GATEWAYS
	size := uint32(32 << 10)
	for range 4 {
		list := make([]byte, size)
		head := (*windows.IpAdapterAddresses)(unsafe.Pointer(&list[0]))
		err := windows.GetAdaptersAddresses(windows.AF_UNSPEC, flags, 0, head, &size)
		switch {
		case errors.Is(err, windows.ERROR_BUFFER_OVERFLOW) && size < 16<<20:
			continue
		case errors.Is(err, windows.ERROR_NO_DATA):
			return nil
		case err != nil:
			return fmt.Errorf("list adapters: %w", err)
		}
		for a := head; a != nil; a = a.Next {
			each(a)
		}
		return nil
	}
	return fmt.Errorf("list adapters: they do not fit %d bytes", size)
}

func adapter(a *windows.IpAdapterAddresses) facts.Interface {
	dhcp := a.Flags&4 != 0 // IP_ADAPTER_DHCP_ENABLED
	f := facts.Interface{
		Name: windows.UTF16PtrToString(a.FriendlyName), Description: windows.UTF16PtrToString(a.Description), Kind: adapterKind(a),
		MAC: net.HardwareAddr(a.PhysicalAddress[:min(a.PhysicalAddressLength, uint32(len(a.PhysicalAddress)))]).String(),
		Up:  a.OperStatus == windows.IfOperStatusUp, DHCP: &dhcp, DHCPServer: address(&a.Dhcpv4Server),
	}
	if a.Mtu < 1<<31-1 {
		f.MTU = int(a.Mtu)
	}
	if f.Up && a.TransmitLinkSpeed < 1<<62 { // all ones: not known
		f.SpeedBits = a.TransmitLinkSpeed
	}
	for u := a.FirstUnicastAddress; u != nil; u = u.Next {
		ip := address(&u.Address)
		text := fmt.Sprintf("%s/%d", ip, u.OnLinkPrefixLength)
		switch {
		case ip == "":
		case u.PrefixOrigin == routerAdvertised && u.SuffixOrigin == randomSuffix:
			f.Temporary = append(f.Temporary, text)
		default:
			f.Addresses = append(f.Addresses, text)
		}
	}
	for g := a.FirstGatewayAddress; g != nil; g = g.Next {
		f.Gateways = merge(f.Gateways, present(address(&g.Address)))
	}
	for d := a.FirstDnsServerAddress; d != nil; d = d.Next {
		f.DNS = merge(f.DNS, present(address(&d.Address)))
	}
	slices.Sort(f.Addresses)
	slices.Sort(f.Temporary)
	slices.Sort(f.Gateways)
	return f
}

// Temporary addresses are those with a prefix of a router and a suffix that the
// system made up: IP_PREFIX_ORIGIN and IP_SUFFIX_ORIGIN of nldef.h.
const (
	routerAdvertised = 4
	randomSuffix     = 5
)

func present(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}

// siteLocalDNS are what Windows makes up for DNS over IPv6 where there is none.
var siteLocalDNS = netip.MustParsePrefix("fec0:0:0:ffff::/64")

func address(a *windows.SocketAddress) string {
	if a.Sockaddr == nil {
		return ""
	}
	ip, ok := netip.AddrFromSlice(a.IP())
	if !ok || ip.IsUnspecified() || siteLocalDNS.Contains(ip) || ip == netip.AddrFrom4([4]byte{255, 255, 255, 255}) {
		return ""
	}
	return ip.String()
}

func adapterKind(a *windows.IpAdapterAddresses) string {
	switch a.IfType {
	case windows.IF_TYPE_IEEE80211:
		return "wifi"
	case 243, 244: // IF_TYPE_WWANPP, IF_TYPE_WWANPP2
		return "cellular"
	case windows.IF_TYPE_PPP, windows.IF_TYPE_TUNNEL, 53: // IF_TYPE_PROP_VIRTUAL: WireGuard and others
		return "vpn"
	case windows.IF_TYPE_ETHERNET_CSMACD:
		if !hardwareBehind(a.Luid) {
			return "virtual"
		}
		return "ethernet"
	}
	return "virtual"
}

var getIfEntry2 = windows.NewLazySystemDLL("iphlpapi.dll").NewProc("GetIfEntry2")

// hardwareBehind: the adapters of hypervisors are hardware to their guests.
func hardwareBehind(luid uint64) bool {
	row := windows.MibIfRow2{InterfaceLuid: luid}
	if code, _ := win32(getIfEntry2, uintptr(unsafe.Pointer(&row))); code != 0 {
		return true // it went away
	}
	return row.InterfaceAndOperStatusFlags&1 != 0 // HardwareInterface
}
