package klp

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"unsafe"

	"golang.org/x/sys/windows"

	"github.com/kanade-go/kanade/agent/wire"
)

// DefaultPath is where the agent of a host is found.
const DefaultPath = wire.KLPPipe

// pipeBuffer is what the system keeps of each direction of a pipe.
const pipeBuffer = 64 << 10

const (
	pipeFolder = `\\.\pipe\`
	maxPipe    = 256
)

// pipe is a listener: one instance that waits for a client, with the name.
type pipe struct {
	name     *uint16
	path     string
	security *windows.SecurityAttributes
	stop     windows.Handle // event: Close was called

	accepting sync.Mutex
	waiting   windows.Handle // 0 after the end
	closing   sync.Once
}

// listen makes the first instance of the pipe. Where there is one already it is
// somebody else's.
func listen(e Endpoint) (listener, error) {
	if err := e.Validate(); err != nil {
		return nil, err
	}
	name, err := windows.UTF16PtrFromString(e.Path)
	if err != nil {
		return nil, fmt.Errorf("klp: name of the pipe %q: %w", e.Path, err)
	}
	p := &pipe{name: name, path: e.Path}
	if p.security, err = pipeSecurity(); err != nil {
		return nil, err
	}
	if p.waiting, err = p.instance(windows.FILE_FLAG_FIRST_PIPE_INSTANCE); err != nil {
		if errors.Is(err, windows.ERROR_ACCESS_DENIED) || errors.Is(err, windows.ERROR_PIPE_BUSY) {
			err = fmt.Errorf("%w: another program serves %s: %w", ErrInUse, e.Path, err)
		}
		return nil, err
	}
	if p.stop, err = windows.CreateEvent(nil, 1, 0, nil); err != nil {
		return nil, errors.Join(fmt.Errorf("klp: make event: %w", err), windows.CloseHandle(p.waiting))
	}
	return p, nil
}

func (e Endpoint) validatePath() error {
	name, local := strings.CutPrefix(strings.ToLower(e.Path), pipeFolder)
	if !local || name == "" || len(e.Path) > maxPipe || strings.ContainsAny(name, "\\\x00") {
		return fmt.Errorf(`klp: name of the pipe %q: must be \\.\pipe\ and a name without backslashes, of %d bytes at most`, e.Path, maxPipe)
	}
	return nil
}

func (p *pipe) instance(first uint32) (windows.Handle, error) {
	const duplex = windows.PIPE_ACCESS_DUPLEX | windows.FILE_FLAG_OVERLAPPED
	h, err := windows.CreateNamedPipe(p.name, duplex|first,
		windows.PIPE_TYPE_BYTE|windows.PIPE_READMODE_BYTE|windows.PIPE_WAIT|windows.PIPE_REJECT_REMOTE_CLIENTS,
		windows.PIPE_UNLIMITED_INSTANCES, pipeBuffer, pipeBuffer, 0, p.security)
	if err != nil {
		return 0, fmt.Errorf("klp: make an instance of %s: %w", p.path, err)
	}
	return h, nil
}

// Accept waits for a client. There is a new instance before the client is served:
// without one the name would be free for others. If it cannot be made, the client
// is let go and its instance waits again.
func (p *pipe) Accept() (conn, error) {
	p.accepting.Lock()
	defer p.accepting.Unlock()
	if p.waiting == 0 {
		return nil, net.ErrClosed
	}
	if err := p.connect(); err != nil {
		return nil, err
	}
	next, err := p.instance(0)
	if err != nil {
		return nil, errors.Join(err, windows.DisconnectNamedPipe(p.waiting))
	}
	connected := p.waiting
	p.waiting = next
	return pipeConn{os.NewFile(uintptr(connected), p.path)}, nil
}

// connect waits until a client is there, or for Close.
func (p *pipe) connect() error {
	connected, err := windows.CreateEvent(nil, 1, 0, nil)
	if err != nil {
		return fmt.Errorf("klp: make event: %w", err)
	}
	defer func() { _ = windows.CloseHandle(connected) }()
	o := &windows.Overlapped{HEvent: connected}
	switch err := windows.ConnectNamedPipe(p.waiting, o); {
	case err == nil || errors.Is(err, windows.ERROR_PIPE_CONNECTED):
		return nil
	case errors.Is(err, windows.ERROR_NO_DATA): // it came and went
		return errors.Join(fmt.Errorf("klp: accept: %w", err), windows.DisconnectNamedPipe(p.waiting))
	case !errors.Is(err, windows.ERROR_IO_PENDING):
		return fmt.Errorf("klp: accept: %w", err)
	}
	return p.await(o)
}

func (p *pipe) await(o *windows.Overlapped) error {
	which, err := windows.WaitForMultipleObjects([]windows.Handle{p.stop, o.HEvent}, false, windows.INFINITE)
	var done uint32
	if err == nil && which == windows.WAIT_OBJECT_0+1 {
		if err := windows.GetOverlappedResult(p.waiting, o, &done, false); err != nil {
			return fmt.Errorf("klp: accept: %w", err)
		}
		return nil
	}
	_ = windows.CancelIoEx(p.waiting, o)                       // it may have ended meanwhile
	_ = windows.GetOverlappedResult(p.waiting, o, &done, true) // o is the system's until then
	return errors.Join(net.ErrClosed, err)
}

// Intact: a pipe has no place that it could be removed from.
func (p *pipe) Intact() error { return nil }

// Close ends Accept. It may be called once only.
func (p *pipe) Close() (err error) {
	p.closing.Do(func() {
		err = windows.SetEvent(p.stop)
		p.accepting.Lock()
		defer p.accepting.Unlock()
		err = errors.Join(err, windows.CloseHandle(p.waiting), windows.CloseHandle(p.stop))
		p.waiting = 0
	})
	return err
}

// pipeUsers may read and write; all that FILE_GENERIC_READ and FILE_GENERIC_WRITE
// grant but for the right to make instances, which would let any user answer as
// the agent.
const pipeUsers = "0x12019b"

// pipeSecurity: nobody who is anonymous; all of it for the system, administrators
// and the agent's own user; reading and writing for those who are logged on.
func pipeSecurity() (*windows.SecurityAttributes, error) {
	own, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		return nil, fmt.Errorf("klp: user of this process: %w", err)
	}
	text := "D:P(D;;GA;;;AN)(A;;GA;;;SY)(A;;GA;;;BA)(A;;GA;;;" + own.User.Sid.String() + ")(A;;" + pipeUsers + ";;;AU)"
	descriptor, err := windows.SecurityDescriptorFromString(text)
	if err != nil {
		return nil, fmt.Errorf("klp: rights of the pipe: %w", err)
	}
	a := &windows.SecurityAttributes{SecurityDescriptor: descriptor}
	a.Length = uint32(unsafe.Sizeof(*a))
	return a, nil
}

type pipeConn struct{ *os.File }
