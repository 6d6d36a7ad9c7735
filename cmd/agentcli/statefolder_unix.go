//go:build unix

package agentcli

import (
	"fmt"
	"io/fs"
	"os/user"
	"strconv"
	"syscall"
)

func whoMay(path string, info fs.FileInfo) string {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return "run it as root"
	}
	id := strconv.Itoa(int(stat.Uid))
	name := "uid " + id
	if u, err := user.LookupId(id); err == nil {
		name = u.Username
	}
	if stat.Uid == 0 {
		return fmt.Sprintf("%s belongs to root: run it as root", path)
	}
	return fmt.Sprintf("%s belongs to %s: run it as that user or as root", path, name)
}
