package facts

import "time"

// OS is the operating system that runs.
type OS struct {
	Family  string `json:"family"`            // windows, linux or darwin
	Name    string `json:"name"`              // Windows 11 Pro; Debian GNU/Linux 12 (bookworm); macOS
	ID      string `json:"id,omitempty"`      // Linux: ID of os-release
	Version string `json:"version,omitempty"` // 10.0.26100; 12; 15.1
	Build   string `json:"build,omitempty"`   // Windows: 26100.2314; macOS: 24B83
	Edition string `json:"edition,omitempty"` // Windows: EditionID; Linux: VARIANT of os-release
	Release string `json:"release,omitempty"` // Windows: 24H2
	Kernel  string `json:"kernel,omitempty"`  // uname -r
	Arch    string `json:"arch"`              // of the machine, as Go names it: amd64, arm64
	// Installed is the date of the installation. Linux: the birth of the root file
	// system, where it is known.
	Installed *time.Time `json:"installed,omitempty"`
	BootedAt  *time.Time `json:"booted_at,omitempty"` // to the second
	Locale    string     `json:"locale,omitempty"`    // en-US; de_DE.UTF-8
	TimeZone  string     `json:"time_zone,omitempty"` // Europe/Vienna; W. Europe Standard Time
	// UTCOffset is the offset from UTC in force, in seconds to the east.
	UTCOffset int `json:"utc_offset"`
	// MachineID tells installations apart: MachineGuid, machine-id, IOPlatformUUID.
	MachineID string `json:"machine_id,omitempty"`
	// Virtual names the hypervisor or container that the system runs in: kvm,
	// vmware, hyperv, virtualbox, xen, docker, lxc, wsl; empty if none was seen.
	Virtual string `json:"virtual,omitempty"`
	Domain  Domain `json:"domain"`
	// RestartPending says why the system asks for a restart; empty if it does not.
	RestartPending []string `json:"restart_pending,omitempty"`
}

// Domain is whose machine it is.
type Domain struct {
	// Kind is ad, entra, hybrid, workgroup, realm (Kerberos, SSSD) or empty.
	Kind   string `json:"kind,omitempty"`
	Name   string `json:"name,omitempty"`
	Tenant string `json:"tenant,omitempty"` // Entra tenant ID
}
