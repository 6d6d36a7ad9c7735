package inventory

import (
	"net/netip"
	"strings"

	"github.com/kanade-go/kanade/inventory/facts"
)

// macLink is what ifconfig says of an interface beyond what the kernel tells
// programs.
type macLink struct {
	temporary map[netip.Addr]bool
	speed     uint64
}

// macLinks reads what `ifconfig -a` prints: ifconfig(8).
func macLinks(out []byte) map[string]macLink {
	all := make(map[string]macLink)
	name, link := "", macLink{temporary: make(map[netip.Addr]bool)}
	for line := range strings.Lines(string(out)) {
		if line[0] != '\t' && line[0] != ' ' {
			name, _, _ = strings.Cut(line, ":")
			link = macLink{temporary: make(map[netip.Addr]bool)}
			all[name] = link
		}
		f := strings.Fields(line)
		switch {
		case len(f) > 2 && f[0] == "inet6" && strings.Contains(line, " temporary"):
			if a, err := netip.ParseAddr(f[1]); err == nil {
				link.temporary[a.WithZone("")] = true
			}
		case len(f) > 2 && f[0] == "media:":
			link.speed = mediaSpeed(line)
			all[name] = link
		}
	}
	return all
}

// mediaSpeed reads (1000baseT <full-duplex>) and (10Gbase-T <full-duplex>).
func mediaSpeed(line string) uint64 {
	_, medium, _ := strings.Cut(strings.ToLower(line), "(")
	speed, _, ok := strings.Cut(medium, "base")
	if !ok {
		return 0
	}
	if giga, ok := strings.CutSuffix(speed, "g"); ok {
		return times(parse(giga), 1_000_000_000)
	}
	return megabits(speed)
}

// addPacket adds what `ipconfig getpacket` prints of the lease in force: ipconfig(8).
func addPacket(f *facts.Interface, out []byte) {
	for line := range strings.Lines(string(out)) {
		key, value, ok := strings.Cut(line, ": ")
		if !ok {
			continue
		}
		value = clean(value)
		switch name, _, _ := strings.Cut(key, " "); name {
		case "server_identifier":
			yes := true
			f.DHCP, f.DHCPServer = &yes, value
		case "domain_name_server":
			f.DNS = strings.FieldsFunc(strings.Trim(value, "{}"), func(r rune) bool { return r == ',' || r == ' ' })
		}
	}
}

// macSSID is the network in what `ipconfig getsummary` prints. Since macOS 15 it is
// told to those only who may know where the computer is.
func macSSID(out []byte) string {
	for line := range strings.Lines(string(out)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), " : ")
		if key == "SSID" && value != "<redacted>" {
			return clean(value)
		}
	}
	return ""
}
