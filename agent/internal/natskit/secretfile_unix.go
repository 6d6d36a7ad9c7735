//go:build unix

package natskit

import "os"

// exposed says what is wrong with the file's mode: any right of others, or a
// group that may write. A group that may only read is a choice. Access lists are
// not looked at.
func exposed(file string) string {
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm()&0o027 == 0 {
		return ""
	}
	return info.Mode().Perm().String()
}
