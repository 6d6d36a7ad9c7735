package inventory

import (
	"context"
	"strings"

	"github.com/kanade-go/kanade/inventory/facts"
)

const systemProfiler = "/usr/sbin/system_profiler"

// profile runs system_profiler for some data types, none of which asks anybody
// else or takes long.
func profile(ctx context.Context, n *notes, kinds ...string) report {
	out := toolNoting(ctx, n, systemProfiler, append([]string{"-json", "-detailLevel", "full"}, kinds...)...)
	if out == nil {
		return nil
	}
	r, err := profiler(out)
	n.miss(systemProfiler, err)
	return r
}

func (mac) hardware(ctx context.Context, n *notes) (any, error) {
	h := profile(ctx, n, "SPHardwareDataType", "SPMemoryDataType", "SPDisplaysDataType", "SPPowerDataType").machine()
	h.Model = first(h.Model, sysctl("hw.model"))
	h.CPUs = macCPUs()
	h.RAMBytes = sysctlNumber("hw.memsize")
	if macArch() == "amd64" {
		uefi := true
		h.BIOS.UEFI = &uefi
	}
	return &h, nil
}

// macCPUs are the sockets; the kernel tells of all together.
func macCPUs() []facts.CPU {
	sockets := max(1, int(sysctlNumber("hw.packages")))
	cpu := facts.CPU{
		Model: sysctl("machdep.cpu.brand_string"), Vendor: sysctl("machdep.cpu.vendor"), MHz: int(sysctlNumber("hw.cpufrequency_max") / 1_000_000),
		Cores: int(sysctlNumber("hw.physicalcpu_max")) / sockets, Threads: int(sysctlNumber("hw.logicalcpu_max")) / sockets,
		Cache: max(sysctlNumber("hw.l3cachesize"), sysctlNumber("hw.l2cachesize")),
	}
	if cpu.Vendor == "" && strings.HasPrefix(cpu.Model, "Apple") {
		cpu.Vendor = "Apple"
	}
	virtual := sysctlNumber("kern.hv_support") == 1
	cpu.Virtual = &virtual
	all := make([]facts.CPU, sockets)
	for i := range all {
		all[i] = cpu
	}
	return all
}
