package inventory

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/kanade-go/kanade/inventory/facts"
)

// cpus counts the logical processors of /proc/cpuinfo by socket and core. ARM
// names no sockets there; sysfs does.
func (t tree) cpus(n *notes) []facts.CPU {
	sockets := make(map[string]*socket)
	for _, p := range t.processors(n) {
		id := first(p["physical id"], t.text("/sys/devices/system/cpu/cpu"+p["processor"]+"/topology/physical_package_id"))
		s := sockets[id]
		if s == nil {
			s = &socket{cores: make(map[string]bool)}
			s.CPU = facts.CPU{Model: t.cpuModel(p), Vendor: p["vendor_id"], MHz: t.megahertz(p), Cache: t.lastCache(p["processor"]), Virtual: virtualizes(p)}
			sockets[id] = s
		}
		s.Threads++
		s.cores[first(p["core id"], t.text("/sys/devices/system/cpu/cpu"+p["processor"]+"/topology/core_id"), p["processor"])] = true
	}
	all := make([]facts.CPU, 0, len(sockets))
	for _, id := range slices.SortedFunc(maps.Keys(sockets), bySize) {
		s := sockets[id]
		s.Cores = len(s.cores)
		all = append(all, s.CPU)
	}
	return all
}

type socket struct {
	facts.CPU
	cores map[string]bool
}

func bySize(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b)) }

// processors are the blocks of /proc/cpuinfo that are about a processor.
func (t tree) processors(n *notes) []map[string]string {
	var all []map[string]string
	t.lines("/proc/cpuinfo", n, func(line string) {
		key, value, ok := strings.Cut(line, ":")
		key = strings.TrimSpace(key)
		if !ok {
			return
		}
		if key == "processor" {
			all = append(all, make(map[string]string))
		}
		if len(all) > 0 {
			all[len(all)-1][key] = clean(value)
		}
	})
	return all
}

// cpuModel: ARM kernels name no model; the firmware does.
func (t tree) cpuModel(p map[string]string) string {
	return first(p["model name"], p["cpu model"], p["Processor"], t.dmi("cpu_name"), armParts[p["CPU implementer"]+p["CPU part"]], "unknown")
}

// armParts are parts of ARM's own and of clouds.
var armParts = map[string]string{
	"0x410xd03": "ARM Cortex-A53", "0x410xd08": "ARM Cortex-A72", "0x410xd0b": "ARM Cortex-A76", "0x410xd0c": "ARM Neoverse-N1",
	"0x410xd40": "ARM Neoverse-V1", "0x410xd49": "ARM Neoverse-N2", "0x410xd4f": "ARM Neoverse-V2",
}

func (t tree) megahertz(p map[string]string) int {
	if khz := t.number("/sys/devices/system/cpu/cpu" + p["processor"] + "/cpufreq/cpuinfo_max_freq"); khz > 0 {
		return int(khz / 1000)
	}
	return 0 // the clock in /proc/cpuinfo is that of the moment
}

// lastCache is the size of the last cache that a processor has.
func (t tree) lastCache(processor string) uint64 {
	dir := "/sys/devices/system/cpu/cpu" + processor + "/cache/"
	var level, size uint64
	for _, name := range t.names(dir) {
		if l := t.number(dir + name + "/level"); l > level {
			level, size = l, sized(t.text(dir+name+"/size"))
		}
	}
	return size
}

// sized reads 32768K.
func sized(s string) uint64 {
	for suffix, shift := range map[string]int{"K": 10, "M": 20, "G": 30} {
		if number, ok := strings.CutSuffix(s, suffix); ok {
			return parse(number) << shift
		}
	}
	return parse(s)
}

func virtualizes(p map[string]string) *bool {
	flags, ok := p["flags"]
	if !ok {
		return nil
	}
	yes := slices.ContainsFunc(strings.Fields(flags), func(f string) bool { return f == "vmx" || f == "svm" })
	return &yes
}
