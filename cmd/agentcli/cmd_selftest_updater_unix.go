//go:build unix

package agentcli

import (
	"fmt"
	"os"
)

// onlyTrusted refuses a file or folder that every user of the host may change: who
// changes a key decides what is run here.
func onlyTrusted(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if mode := info.Mode().Perm(); mode&0o002 != 0 {
		return fmt.Errorf("release keys: every user may change %s (mode %04o); run: chmod o-w %s", path, mode, path)
	}
	return nil
}
