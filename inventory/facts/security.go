package facts

import "time"

// Security is what protects the host.
type Security struct {
	Antivirus []Protection `json:"antivirus,omitempty"`
	Firewalls []Protection `json:"firewalls,omitempty"`
	// Mandatory is the access control in force: selinux enforcing, apparmor, sip.
	Mandatory string `json:"mandatory,omitempty"`
	UAC       *bool  `json:"uac,omitempty"`
}

// Protection is one product, or one part of the system.
type Protection struct {
	Name     string     `json:"name"`
	Version  string     `json:"version,omitempty"`
	Enabled  *bool      `json:"enabled,omitempty"`
	UpToDate *bool      `json:"up_to_date,omitempty"` // its signatures
	Updated  *time.Time `json:"updated,omitempty"`
	Profile  string     `json:"profile,omitempty"` // of a firewall: domain, private, public
}
