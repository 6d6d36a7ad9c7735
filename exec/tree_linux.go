package exec

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// awaitExit blocks until the child has ended and does not reap it.
func awaitExit(pid int) error {
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if err != unix.EINTR { //nolint:errorlint // a bare errno
			return err
		}
	}
}

// groupAlive reports whether the group has a member that has not ended. Without /proc nobody is seen.
func groupAlive(pgid int) bool {
	proc, err := os.Open("/proc")
	if err != nil {
		return false
	}
	defer closeAll(proc)
	names, _ := proc.Readdirnames(-1)
	group := []byte(strconv.Itoa(pgid))
	for _, name := range names {
		if name[0] >= '0' && name[0] <= '9' && liveMember(filepath.Join("/proc", name, "stat"), group) {
			return true
		}
	}
	return false
}

// liveMember reads proc(5) stat: the state and the group are the first and third field behind the name, which is in
// parentheses and may hold any character.
func liveMember(stat string, group []byte) bool {
	data, err := os.ReadFile(stat)
	if err != nil {
		return false // ended meanwhile
	}
	fields := bytes.Fields(data[bytes.LastIndexByte(data, ')')+1:])
	if len(fields) < 3 || !bytes.Equal(fields[2], group) {
		return false
	}
	state := fields[0][0]
	return state != 'Z' && state != 'X'
}
