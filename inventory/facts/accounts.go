package facts

import "time"

// Accounts are local users and groups, and who is there.
type Accounts struct {
	Users    []User    `json:"users"`
	Groups   []Group   `json:"groups"`
	Sessions []Session `json:"sessions,omitempty"`
}

// User is a local account. Passwords and their hashes are never read.
type User struct {
	Name      string     `json:"name"`
	ID        string     `json:"id"` // UID; SID
	FullName  string     `json:"full_name,omitempty"`
	Home      string     `json:"home,omitempty"`
	Shell     string     `json:"shell,omitempty"`
	Disabled  *bool      `json:"disabled,omitempty"` // it cannot log on
	Admin     *bool      `json:"admin,omitempty"`    // root, or in Administrators, sudo, wheel, admin
	System    bool       `json:"system,omitempty"`   // belongs to the system, not to a person
	LastLogon *time.Time `json:"last_logon,omitempty"`
}

// Group is a local group with its members' names, sorted.
type Group struct {
	Name    string   `json:"name"`
	ID      string   `json:"id"`
	Members []string `json:"members,omitempty"`
}

// Session is somebody who is logged on.
type Session struct {
	User   string     `json:"user"` // DOMAIN\name on Windows
	Kind   string     `json:"kind"` // console, remote, tty, x11, wayland
	State  string     `json:"state,omitempty"`
	Client string     `json:"client,omitempty"` // where a remote one comes from
	Since  *time.Time `json:"since,omitempty"`
}
