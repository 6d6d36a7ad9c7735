package facts

import "time"

// Host is everything that a collection found.
type Host struct {
	Hostname  string    `json:"hostname"`
	Collected time.Time `json:"collected_at"` // when the collection ended

	OS       *OS       `json:"os,omitempty"`
	Hardware *Hardware `json:"hardware,omitempty"`
	Storage  *Storage  `json:"disk,omitempty"`
	Network  *Network  `json:"net,omitempty"`
	Software *Software `json:"sw,omitempty"`
	Updates  *Updates  `json:"updates,omitempty"`
	Services *Services `json:"services,omitempty"`
	Accounts *Accounts `json:"accounts,omitempty"`
	Security *Security `json:"security,omitempty"`

	// Extra has the sections of collectors that a program brought along, by name.
	Extra map[string]any `json:"extra,omitempty"`
	// Problems says why a section is missing, or what is missing in it.
	Problems []Problem `json:"problems,omitempty"`
}

// The names of the sections, as in the JSON of [Host].
const (
	SectionOS       = "os"
	SectionHardware = "hardware"
	SectionStorage  = "disk"
	SectionNetwork  = "net"
	SectionSoftware = "sw"
	SectionUpdates  = "updates"
	SectionServices = "services"
	SectionAccounts = "accounts"
	SectionSecurity = "security"
)

// Sections are the names of all sections, in the order of [Host].
func Sections() []string {
	return []string{
		SectionOS, SectionHardware, SectionStorage, SectionNetwork, SectionSoftware,
		SectionUpdates, SectionServices, SectionAccounts, SectionSecurity,
	}
}

// Problem is one thing that a collection could not find out.
type Problem struct {
	Section string `json:"section"`
	Source  string `json:"source,omitempty"` // a file, a WMI class, a registry key
	Text    string `json:"text"`
}

// Section returns a section by its name: nil if it is missing, or unknown.
func (h Host) Section(name string) any {
	switch name {
	case SectionOS:
		return present(h.OS)
	case SectionHardware:
		return present(h.Hardware)
	case SectionStorage:
		return present(h.Storage)
	case SectionNetwork:
		return present(h.Network)
	case SectionSoftware:
		return present(h.Software)
	case SectionUpdates:
		return present(h.Updates)
	case SectionServices:
		return present(h.Services)
	case SectionAccounts:
		return present(h.Accounts)
	case SectionSecurity:
		return present(h.Security)
	}
	return h.Extra[name]
}

// Set places a section into the host: one of the types of this package where that
// type belongs, anything else under its name in Extra. Nil changes nothing.
func (h *Host) Set(name string, section any) {
	switch s := section.(type) {
	case nil:
	case *OS:
		h.OS = s
	case *Hardware:
		h.Hardware = s
	case *Storage:
		h.Storage = s
	case *Network:
		h.Network = s
	case *Software:
		h.Software = s
	case *Updates:
		h.Updates = s
	case *Services:
		h.Services = s
	case *Accounts:
		h.Accounts = s
	case *Security:
		h.Security = s
	default:
		if h.Extra == nil {
			h.Extra = make(map[string]any)
		}
		h.Extra[name] = s
	}
}

func present[T any](section *T) any {
	if section == nil {
		return nil
	}
	return section
}

// New returns a pointer to an empty section of that name, to unmarshal into; nil
// if there is none.
func New(name string) any {
	switch name {
	case SectionOS:
		return new(OS)
	case SectionHardware:
		return new(Hardware)
	case SectionStorage:
		return new(Storage)
	case SectionNetwork:
		return new(Network)
	case SectionSoftware:
		return new(Software)
	case SectionUpdates:
		return new(Updates)
	case SectionServices:
		return new(Services)
	case SectionAccounts:
		return new(Accounts)
	case SectionSecurity:
		return new(Security)
	}
	return nil
}
