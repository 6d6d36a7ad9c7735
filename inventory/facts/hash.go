package facts

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
)

// freeSteps is how finely the free space of a volume counts as a change: a tenth
// of its size.
const freeSteps = 10

// Hash tells whether a section is another one than before: the SHA-256 of its
// JSON in hex, without what changes on a host that nobody touches. That is the
// process IDs of services, the charge of batteries, when updates were last looked
// for, and free space as long as it stays within the same tenth of the volume.
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

func (h *Hardware) stable() any {
	c := *h
	c.Batteries = slices.Clone(h.Batteries)
	for i := range c.Batteries {
		c.Batteries[i].Charge, c.Batteries[i].Charging = 0, nil
	}
	return c
}

func (s *Storage) stable() any {
	c := *s
	c.Volumes = slices.Clone(s.Volumes)
	for i, v := range c.Volumes {
		c.Volumes[i].FreeBytes = tenth(v.FreeBytes, v.Bytes)
	}
	return c
}

func tenth(free, size uint64) uint64 {
	if step := size / freeSteps; step > 0 {
		return free / step
	}
	return 0
}

func (u *Updates) stable() any {
	c := *u
	c.LastChecked = nil
	return c
}

func (s *Services) stable() any {
	c := *s
	c.Services = slices.Clone(s.Services)
	for i := range c.Services {
		c.Services[i].PID = 0
	}
	return c
}
