package inventory

import (
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/kanade-go/kanade/inventory/facts"
)

// lease is what a DHCP client wrote down: systemd-networkd, or a file of
// NetworkManager or dhclient.
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
	for _, file := range []string{"/var/lib/dhcp/dhclient." + i.Name + ".leases", "/var/lib/dhcp/dhclient.leases", "/var/lib/dhclient/dhclient-" + i.Name + ".leases"} {
		if f.DHCP == nil {
			t.dhclient(file, f)
		}
	}
}

// dhclient reads dhclient.leases(5), where the last lease of an interface is in
// force, if its address still is.
func (t tree) dhclient(file string, f *facts.Interface) {
	var name, address, server string
	var dns []string
	t.lines(file, new(notes), func(line string) {
		words := strings.Fields(strings.TrimSuffix(strings.TrimSpace(line), ";"))
		switch {
		case len(words) == 2 && words[0] == "lease":
			name, address, server, dns = "", "", "", nil
		case len(words) == 2 && words[0] == "interface":
			name = strings.Trim(words[1], `"`)
		case len(words) == 2 && words[0] == "fixed-address":
			address = words[1]
		case len(words) == 3 && words[1] == "dhcp-server-identifier":
			server = words[2]
		case len(words) > 2 && words[1] == "domain-name-servers":
			dns = strings.FieldsFunc(strings.Join(words[2:], ""), func(r rune) bool { return r == ',' })
		case len(words) == 1 && words[0] == "}" && name == f.Name && hasAddress(f.Addresses, address):
			yes := true
			f.DHCP, f.DHCPServer, f.DNS = &yes, server, dns
		}
	})
}

func hasAddress(all []string, address string) bool {
	return slices.ContainsFunc(all, func(a string) bool { return strings.HasPrefix(a, address+"/") })
}
