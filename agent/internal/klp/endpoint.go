package klp

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"
)

var (
	// ErrInUse says that somebody else serves the endpoint.
	ErrInUse = errors.New("klp: endpoint is in use")
	// ErrUnsafe says that an endpoint cannot be had without giving others a hand in
	// it, or without removing what is not ours.
	ErrUnsafe = errors.New("klp: endpoint is not safe")
)

// Endpoint is where clients connect.
type Endpoint struct {
	// Path is the name of a pipe on Windows, the path of a socket elsewhere.
	// See [DefaultPath].
	Path string
	// Mode says who may connect to a socket: those who may write to it. Default:
	// 0660. A pipe is open to all who are logged on to the host.
	Mode fs.FileMode
}

// Validate says why there can be no endpoint like that on this system.
func (e Endpoint) Validate() error {
	if e.Mode&^fs.ModePerm != 0 {
		return fmt.Errorf("klp: mode %v of the socket: must be 0777 at most", e.Mode)
	}
	return e.validatePath()
}

// conn is one connection.
type conn interface {
	io.ReadWriteCloser
	SetReadDeadline(time.Time) error
	SetWriteDeadline(time.Time) error
	// Peer asks the system who the client is. Something must have been read before.
	Peer() (peer, error)
}

// listener makes connections.
type listener interface {
	// Accept may be called again after an error, unless that is net.ErrClosed.
	Accept() (conn, error)
	// Intact says why clients cannot find the listener any more.
	Intact() error
	Close() error
}

// peer is who the system says that a client is.
type peer struct {
	user    string // for people
	session uint32
	account string // what a user's connections have in common
	// trusted: may read the agent's files, and stop it.
	trusted bool
}

const unknownUser = "<unknown>"
