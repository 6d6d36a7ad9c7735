//go:build unix

package agentcli

import "fmt"

// onlyTrusted refuses a file or folder that somebody else than root or this user may
// change, by itself or on the way to it: who changes a key decides what runs here.
func onlyTrusted(path string) error {
	if why := replaceable(path); why != "" {
		return fmt.Errorf("release keys: %s; who changes %s decides what runs here: make it and the folders above root's own (chown root, chmod go-w)", why, path)
	}
	return nil
}
