package facts

// Hardware is the machine. Without root some serial numbers are absent on Linux.
type Hardware struct {
	Vendor    string `json:"vendor,omitempty"`
	Model     string `json:"model,omitempty"`
	SKU       string `json:"sku,omitempty"`
	Serial    string `json:"serial,omitempty"`
	UUID      string `json:"uuid,omitempty"` // of the SMBIOS, lower case
	AssetTag  string `json:"asset_tag,omitempty"`
	Chassis   string `json:"chassis,omitempty"` // desktop, laptop, server, tablet, virtual, …
	Board     Board  `json:"board"`
	BIOS      BIOS   `json:"bios"`
	TPM       *TPM   `json:"tpm,omitempty"`
	CPUs      []CPU  `json:"cpus"` // one a socket
	RAMBytes  uint64 `json:"ram_bytes"`
	SwapBytes uint64 `json:"swap_bytes,omitempty"` // Windows: page files

	MemoryModules []MemoryModule `json:"memory_modules,omitempty"`
	GPUs          []GPU          `json:"gpus,omitempty"`
	Batteries     []Battery      `json:"batteries,omitempty"`
	Monitors      []Monitor      `json:"monitors,omitempty"`
}

// Board is the main board.
type Board struct {
	Vendor string `json:"vendor,omitempty"`
	Model  string `json:"model,omitempty"`
	Serial string `json:"serial,omitempty"`
}

// BIOS is the firmware.
type BIOS struct {
	Vendor  string `json:"vendor,omitempty"`
	Version string `json:"version,omitempty"`
	Date    string `json:"date,omitempty"` // 2024-03-18
	// UEFI says how the system was started.
	UEFI       *bool `json:"uefi,omitempty"`
	SecureBoot *bool `json:"secure_boot,omitempty"`
}

// TPM is the trusted platform module.
type TPM struct {
	Version string `json:"version,omitempty"` // 2.0, 1.2
	Vendor  string `json:"vendor,omitempty"`
	Enabled *bool  `json:"enabled,omitempty"`
}

// CPU is one socket.
type CPU struct {
	Model   string `json:"model"`
	Vendor  string `json:"vendor,omitempty"`
	Cores   int    `json:"cores"`             // physical
	Threads int    `json:"threads"`           // logical processors
	MHz     int    `json:"mhz,omitempty"`     // the most that it is rated for
	Cache   uint64 `json:"cache,omitempty"`   // last level, bytes
	Virtual *bool  `json:"virtual,omitempty"` // it can run virtual machines
}

// MemoryModule is one slot that holds something.
type MemoryModule struct {
	Slot   string `json:"slot,omitempty"`
	Bytes  uint64 `json:"bytes"`
	Type   string `json:"type,omitempty"` // DDR4
	MTps   int    `json:"mtps,omitempty"` // mega transfers per second
	Vendor string `json:"vendor,omitempty"`
	Part   string `json:"part,omitempty"`
	Serial string `json:"serial,omitempty"`
}

// GPU is a display adapter.
type GPU struct {
	Name   string `json:"name"`
	Vendor string `json:"vendor,omitempty"`
	Driver string `json:"driver,omitempty"` // its version
	Bytes  uint64 `json:"bytes,omitempty"`  // of its own memory
}

// Battery is one battery. Capacities are milliwatt hours.
type Battery struct {
	Name     string `json:"name,omitempty"`
	Design   int    `json:"design_mwh,omitempty"`
	Full     int    `json:"full_mwh,omitempty"`
	Cycles   int    `json:"cycles,omitempty"`
	Charge   int    `json:"charge_percent,omitempty"`
	Charging *bool  `json:"charging,omitempty"`
}

// Monitor is a display that is connected.
type Monitor struct {
	Name   string `json:"name,omitempty"`
	Vendor string `json:"vendor,omitempty"` // three letters of the EDID
	Serial string `json:"serial,omitempty"`
	Width  int    `json:"width,omitempty"` // pixels
	Height int    `json:"height,omitempty"`
}
