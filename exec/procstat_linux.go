package exec

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// procStat is what proc(5) says of a process in stat.
type procStat struct {
	id, group, session int
	state              byte
	cpu                time.Duration // with that of children that it has waited for
}

// alive is false of a process that has ended and was not waited for yet.
func (p procStat) alive() bool { return p.state != 'Z' && p.state != 'X' }

// processes lists what /proc shows; without it, nothing.
func processes() []procStat {
	proc, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer closeAll(proc)
	names, _ := proc.Readdirnames(-1)
	var all []procStat
	for _, name := range names {
		id, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		if p, ok := readStat(id); ok {
			all = append(all, p)
		}
	}
	return all
}

// readStat is not ok for a process that has gone meanwhile.
func readStat(id int) (procStat, bool) {
	data, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(id), "stat"))
	if err != nil {
		return procStat{}, false
	}
	p, ok := parseStat(data)
	p.id = id
	return p, ok
}

// clockTick is the unit of times in /proc: USER_HZ, which is 100 on every architecture that Go has.
const clockTick = 10 * time.Millisecond

// parseStat takes the fields behind the name, which is in parentheses and may hold any character: state, parent, group,
// session and, from the twelfth on, user and system time of the process and of its children.
func parseStat(data []byte) (procStat, bool) {
	fields := bytes.Fields(data[bytes.LastIndexByte(data, ')')+1:])
	if len(fields) < 15 {
		return procStat{}, false
	}
	p := procStat{state: fields[0][0], group: number(fields[2]), session: number(fields[3])}
	for _, ticks := range fields[11:15] {
		p.cpu += time.Duration(number(ticks)) * clockTick
	}
	return p, true
}

func number(b []byte) int {
	n, _ := strconv.Atoi(string(b)) // the kernel writes nothing else
	return n
}

// privateMemory is what statm calls resident and not shared, in bytes; 0 when the process has gone.
func privateMemory(id int) int64 {
	data, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(id), "statm"))
	if err != nil {
		return 0
	}
	fields := bytes.Fields(data)
	if len(fields) < 3 {
		return 0
	}
	return int64(max(0, number(fields[1])-number(fields[2]))) * int64(os.Getpagesize())
}
