package telemetry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/shirou/gopsutil/v4/process"
)

// One file of /proc has all that is asked of a process but its disk traffic.
// Through gopsutil it would be three files, and a fourth for the boot time, which
// makes up most of what a listing costs.

// ticksPerSecond is what every Linux that Go runs on reports as USER_HZ.
const ticksPerSecond = 100

func times(_ context.Context, pid int32) (Process, error) {
	d, err := readStat(pid)
	return d.Process, err
}

func (theseProcesses) Look(_ context.Context, pid int32) (Detail, error) { return readStat(pid) }

func readStat(pid int32) (Detail, error) {
	file, err := os.Open("/proc/" + strconv.Itoa(int(pid)) + "/stat")
	if err != nil {
		return Detail{}, err
	}
	defer func() { _ = file.Close() }()
	var line [1024]byte // more than the fields that are asked for ever have
	n, err := file.Read(line[:])
	if err != nil {
		return Detail{}, err
	}
	return parseStat(pid, line[:n])
}

// Fields of the line, counted from the one after the name.
const (
	fieldUser     = 14 - 3
	fieldSystem   = 15 - 3
	fieldStarted  = 22 - 3
	fieldResident = 24 - 3
)

var errStat = errors.New("telemetry: not a line of /proc/<pid>/stat")

// parseStat reads a line such as "42 (a name) S 1 ...". The name may have any
// characters, brackets and blanks too.
func parseStat(pid int32, line []byte) (Detail, error) {
	open, end := bytes.IndexByte(line, '('), bytes.LastIndexByte(line, ')')
	if open < 0 || end < open {
		return Detail{}, errStat
	}
	var n [fieldResident + 1]uint64
	rest := line[end+1:]
	for i := range n {
		var field []byte
		rest = bytes.TrimLeft(rest, " ")
		if field, rest, _ = bytes.Cut(rest, []byte{' '}); len(field) == 0 {
			return Detail{}, fmt.Errorf("%w: it ends after field %d", errStat, i+2)
		}
		n[i], _ = strconv.ParseUint(string(field), 10, 64) // those that are no such number are not asked for
	}
	return Detail{
		Process: Process{
			PID: pid, Started: n[fieldStarted],
			CPU: time.Duration(n[fieldUser]+n[fieldSystem]) * (time.Second / ticksPerSecond),
		},
		Name: string(line[open+1 : end]), RSSBytes: n[fieldResident] * uint64(os.Getpagesize()),
	}, nil
}

func diskBytes(c *process.IOCountersStat) Bytes {
	return Bytes{In: c.DiskReadBytes, Out: c.DiskWriteBytes}
}
