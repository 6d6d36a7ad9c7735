package inventory

import "strings"

// hypervisors are told by what they write into the tables of the firmware.
var hypervisors = []struct{ sign, name string }{
	{"qemu", "kvm"},
	{"kvm", "kvm"},
	{"vmware", "vmware"},
	{"virtualbox", "virtualbox"},
	{"innotek", "virtualbox"},
	{"xen", "xen"},
	{"microsoft corporation virtual", "hyperv"},
	{"parallels", "parallels"},
	{"amazon ec2", "kvm"},
	{"google compute engine", "kvm"},
	{"bochs", "bochs"},
	{"openstack", "kvm"},
}

// chassisTypes are those of the SMBIOS specification, table 17, in the few words
// that matter.
var chassisTypes = map[uint64]string{
	1: "", 3: "desktop", 4: "desktop", 5: "desktop", 6: "desktop", 7: "desktop", 8: "laptop", 9: "laptop", 10: "laptop", 11: "handheld",
	12: "dock", 13: "desktop", 14: "laptop", 15: "desktop", 16: "desktop", 17: "server", 23: "server", 24: "desktop", 25: "server", 28: "server",
	29: "server", 30: "tablet", 31: "laptop", 32: "laptop", 33: "embedded", 34: "embedded", 35: "desktop", 36: "desktop",
}

// isoDate turns the date of the SMBIOS, 03/18/2024, into 2024-03-18.
func isoDate(s string) string {
	parts := strings.Split(s, "/")
	if len(parts) != 3 || len(parts[2]) != 4 {
		return s
	}
	return parts[2] + "-" + parts[0] + "-" + parts[1]
}
