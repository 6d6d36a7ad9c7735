package facts

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
)

// Hash tells whether a section is another one than before: the SHA-256 of its
// JSON in hex, without what changes on a host that nobody touches:
//
//   - os: the time of the boot, which is another second after the clock was set.
//     A boot is told by itself.
//   - hardware: the charge of batteries and their cycles, what a full one holds
//     within a percent of its design, and the size of the swap, which Windows
//     lets grow.
//   - disk: free space, and the size of volumes of ZFS, which share theirs.
//   - net: temporary addresses, and the speed of what is wireless.
//   - updates: when updates were last looked for and when the last one came:
//     signatures of a virus scanner come several times a day. The list counts.
//   - services: process IDs, and whether a service runs that is not started by
//     itself with the system. That it failed counts.
//   - accounts: when somebody last logged on, and whether a session is active.
//     Who is logged on counts.
//   - security: when signatures came. Whether they are up to date counts.
//
// A section of a program's own counts as it is.
func Hash(section any) (string, error) {
	if s, ok := section.(interface{ stable() any }); ok {
		section = s.stable()
	}
	data, err := json.Marshal(section)
	if err != nil {
		return "", fmt.Errorf("facts: hash section: %w", err)
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:]), nil
}

func (o *OS) stable() any {
	c := *o
	c.BootedAt = nil
	return c
}

func (h *Hardware) stable() any {
	c := *h
	c.SwapBytes = 0
	c.Batteries = slices.Clone(h.Batteries)
	for i := range c.Batteries {
		b := &c.Batteries[i]
		b.Charge, b.Charging, b.Cycles = 0, nil, 0
		if b.Design > 0 {
			b.Full = b.Full * 100 / b.Design
		}
	}
	return c
}

func (s *Storage) stable() any {
	c := *s
	c.Volumes = slices.Clone(s.Volumes)
	for i := range c.Volumes {
		c.Volumes[i].FreeBytes = 0
		if c.Volumes[i].FileSystem == "zfs" {
			c.Volumes[i].Bytes = 0
		}
	}
	return c
}

func (n *Network) stable() any {
	c := *n
	c.Interfaces = slices.Clone(n.Interfaces)
	for i := range c.Interfaces {
		c.Interfaces[i].Temporary = nil
		if kind := c.Interfaces[i].Kind; kind == "wifi" || kind == "cellular" {
			c.Interfaces[i].SpeedBits = 0
		}
	}
	return c
}

func (u *Updates) stable() any {
	c := *u
	c.LastChecked, c.LastChanged = nil, nil
	return c
}

func (s *Services) stable() any {
	c := *s
	c.Services = slices.Clone(s.Services)
	for i := range c.Services {
		c.Services[i].PID = 0
		if c.Services[i].Start != "auto" && c.Services[i].State != "failed" {
			c.Services[i].State = ""
		}
	}
	return c
}

func (a *Accounts) stable() any {
	c := *a
	c.Users, c.Sessions = slices.Clone(a.Users), slices.Clone(a.Sessions)
	for i := range c.Users {
		c.Users[i].LastLogon = nil
	}
	for i := range c.Sessions {
		c.Sessions[i].State = ""
	}
	return c
}

func (s *Security) stable() any {
	c := *s
	c.Antivirus, c.Firewalls = slices.Clone(s.Antivirus), slices.Clone(s.Firewalls)
	for _, all := range [][]Protection{c.Antivirus, c.Firewalls} {
		for i := range all {
			all[i].Updated = nil
		}
	}
	return c
}
