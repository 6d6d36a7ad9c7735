//go:build darwin || freebsd

package klp

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// DefaultPath is where the agent of a host is found.
const DefaultPath = "/var/run/kanade/agent.sock"

// peerUID asks for the credentials of the process that connected.
func peerUID(fd int) (uint32, error) {
	credentials, err := unix.GetsockoptXucred(fd, 0, unix.LOCAL_PEERCRED)
	if err != nil {
		return 0, fmt.Errorf("klp: credentials of the client: %w", err)
	}
	return credentials.Uid, nil
}
