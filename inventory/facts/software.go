package facts

import "time"

// Software is what is installed.
type Software struct {
	Programs []Program `json:"programs"`
}

// Program is one installed program or package.
type Program struct {
	Name      string `json:"name"`
	Version   string `json:"version,omitempty"`
	Publisher string `json:"publisher,omitempty"` // vendor, maintainer
	Arch      string `json:"arch,omitempty"`      // as the package names it
	// Source is where it is registered: msi, registry, store, dpkg, rpm, apk,
	// pacman, snap, flatpak, app, pkgutil, brew.
	Source    string     `json:"source"`
	Scope     string     `json:"scope"`             // machine, or user:<name>
	ID        string     `json:"id,omitempty"`      // what uninstalls it: product code, key, package name
	Section   string     `json:"section,omitempty"` // of the distribution
	Bytes     uint64     `json:"bytes,omitempty"`   // as registered
	Installed *time.Time `json:"installed,omitempty"`
	Location  string     `json:"location,omitempty"`
	Uninstall string     `json:"uninstall,omitempty"` // Windows: the command
}

// Updates is what of the system was patched, and what waits to be.
type Updates struct {
	Installed []Update `json:"installed,omitempty"` // Windows: hot fixes
	// Pending is what the host itself knows to be waiting. Nobody is asked for it.
	Pending     []Update   `json:"pending,omitempty"`
	LastChecked *time.Time `json:"last_checked,omitempty"`
	LastChanged *time.Time `json:"last_changed,omitempty"` // newest installation
	// Server is where updates come from, if not from the vendor: WSUS, a mirror.
	Server string `json:"server,omitempty"`
}

// Update is one patch.
type Update struct {
	ID        string     `json:"id"` // KB5046617; a package name
	Title     string     `json:"title,omitempty"`
	Version   string     `json:"version,omitempty"`
	Kind      string     `json:"kind,omitempty"` // security, feature, …
	Installed *time.Time `json:"installed,omitempty"`
}
