package facts

// Network is how the host is connected.
type Network struct {
	Interfaces []Interface `json:"interfaces"` // without loopback
	DNS        []string    `json:"dns,omitempty"`
	Search     []string    `json:"search,omitempty"` // domains that names are completed with
	Domain     string      `json:"domain,omitempty"` // the primary DNS suffix
}

// Interface is one network interface.
type Interface struct {
	Name        string   `json:"name"`                  // eth0; Ethernet 2
	Description string   `json:"description,omitempty"` // the adapter's or driver's name
	Kind        string   `json:"kind,omitempty"`        // ethernet, wifi, cellular, bridge, vpn, virtual
	MAC         string   `json:"mac,omitempty"`         // 00:11:22:aa:bb:cc
	MTU         int      `json:"mtu,omitempty"`
	Up          bool     `json:"up"`
	SpeedBits   uint64   `json:"speed_bits,omitempty"` // per second
	Addresses   []string `json:"addresses,omitempty"`  // with their prefix lengths: 192.0.2.7/24
	// Temporary are addresses that the host makes up for privacy and replaces every
	// day; they are not among Addresses.
	Temporary  []string `json:"temporary_addresses,omitempty"`
	Gateways   []string `json:"gateways,omitempty"`
	DNS        []string `json:"dns,omitempty"`
	DHCP       *bool    `json:"dhcp,omitempty"`
	DHCPServer string   `json:"dhcp_server,omitempty"`
	SSID       string   `json:"ssid,omitempty"`
}
