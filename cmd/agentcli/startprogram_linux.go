package agentcli

import (
	"bufio"
	"bytes"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// unmapProgram takes the pages of the program out of the process, from where they come
// back one by one as they are used, out of the system's cache. What is mapped counts as
// ours and is the last that a system short of memory takes; a start maps nearly all of
// it, most of which an agent at rest never reads. Only what was not written to is
// touched. A system that does not tell its mappings keeps what it has.
func unmapProgram() {
	program, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return
	}
	smaps, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		return
	}
	for _, m := range cleanMappings(smaps, program) {
		_, _, _ = syscall.Syscall(syscall.SYS_MADVISE, m.start, m.end-m.start, syscall.MADV_DONTNEED)
	}
}

type mapping struct{ start, end uintptr }

// cleanMappings are those of a file that nobody may write to and nobody has written
// to: what was changed would be lost.
func cleanMappings(smaps []byte, file string) (clean []mapping) {
	var current *mapping
	for lines := bufio.NewScanner(bytes.NewReader(smaps)); lines.Scan(); {
		switch fields := strings.Fields(lines.Text()); {
		case len(fields) >= 5 && strings.Contains(fields[0], "-"):
			current = nil
			if len(fields) == 6 && fields[5] == file && strings.HasPrefix(fields[1], "r-") {
				current = parseMapping(fields[0])
			}
		case current != nil && len(fields) == 3 && fields[0] == "Anonymous:" && fields[1] == "0":
			clean = append(clean, *current)
		}
	}
	return clean
}

// parseMapping returns nil for what is none.
func parseMapping(text string) *mapping {
	first, last, _ := strings.Cut(text, "-")
	start, err := strconv.ParseUint(first, 16, 64)
	end, err2 := strconv.ParseUint(last, 16, 64)
	if err != nil || err2 != nil || start >= end {
		return nil
	}
	return &mapping{uintptr(start), uintptr(end)}
}
