//go:build unix

package klp

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// socket is a listener that others find under a path.
type socket struct {
	*net.UnixListener
	path string
	made fs.FileInfo // what stands at path
	lock *os.File
}

// maxPath is what the system takes, less what the name of the folder that a socket
// is made in may have more.
const maxPath = len(unix.RawSockaddrUnix{}.Path) - 1 - len("/.klp-4294967295/s") + len("/s")

// listen puts a socket at the endpoint's path. One that nobody listens on any
// more is replaced.
func listen(e Endpoint) (listener, error) {
	if err := e.Validate(); err != nil {
		return nil, err
	}
	if err := checkFolder(filepath.Dir(e.Path)); err != nil {
		return nil, err
	}
	lock, err := lockPath(e.Path + ".lock")
	if err != nil {
		return nil, err
	}
	s := &socket{path: e.Path, lock: lock}
	if err := s.open(e.mode()); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return s, nil
}

func (e Endpoint) validatePath() error {
	if !filepath.IsAbs(e.Path) || len(e.Path) > maxPath || strings.ContainsRune(e.Path, 0) {
		return fmt.Errorf("klp: path of the socket %q: must be absolute and have at most %d bytes", e.Path, maxPath)
	}
	return nil
}

const defaultMode fs.FileMode = 0o660

func (e Endpoint) mode() fs.FileMode {
	if e.Mode == 0 {
		return defaultMode
	}
	return e.Mode
}

// checkFolder makes the folder, or makes sure that nobody else can put a socket
// of theirs into it.
func checkFolder(dir string) error {
	if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("klp: make folder for the socket: %w", err)
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return fmt.Errorf("klp: look at folder of the socket: %w", err)
	}
	owner := info.Sys().(*syscall.Stat_t).Uid
	switch {
	case !info.IsDir():
		return fmt.Errorf("%w: %s is not a folder", ErrUnsafe, dir)
	case owner != 0 && int(owner) != os.Geteuid():
		return fmt.Errorf("%w: folder %s belongs to user %d; give it to the agent's own, or use another one", ErrUnsafe, dir, owner)
	case info.Mode().Perm()&0o022 != 0:
		return fmt.Errorf("%w: others may write to folder %s (mode %04o); take that right away, or use another one", ErrUnsafe, dir, info.Mode().Perm())
	}
	return checkAbove(dir)
}

// checkAbove makes sure that nobody else can put another folder in this one's place.
// The folders of the system that only a group of it may write to are trusted, and
// those with the sticky bit.
func checkAbove(dir string) error {
	whole, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return fmt.Errorf("klp: look at folder of the socket: %w", err)
	}
	for _, start := range []string{dir, whole} {
		for at := filepath.Dir(start); ; at = filepath.Dir(at) {
			if err := checkParent(at); err != nil {
				return err
			}
			if at == filepath.Dir(at) {
				break
			}
		}
	}
	return nil
}

func checkParent(dir string) error {
	info, err := os.Lstat(dir)
	if err != nil {
		return fmt.Errorf("klp: look at folder of the socket: %w", err)
	}
	owner := info.Sys().(*syscall.Stat_t).Uid
	switch {
	case owner != 0 && int(owner) != os.Geteuid():
		return fmt.Errorf("%w: %s, above the socket, belongs to user %d, who could put another folder there; use another path", ErrUnsafe, dir, owner)
	case info.IsDir() && info.Mode().Perm()&0o002 != 0 && info.Mode()&fs.ModeSticky == 0:
		return fmt.Errorf("%w: others may write to %s (mode %04o), above the socket; take that right away, or use another path", ErrUnsafe, dir, info.Mode().Perm())
	}
	return nil
}

// lockPath keeps a second agent from taking the socket away. The file stays.
func lockPath(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0o600)
	if err != nil {
		return nil, fmt.Errorf("klp: open lock of the socket: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		if errors.Is(err, unix.EWOULDBLOCK) {
			err = ErrInUse
		}
		return nil, errors.Join(fmt.Errorf("klp: lock %s: %w", path, err), f.Close())
	}
	return f, nil
}

// open listens where nobody else can reach, and moves the socket to its place
// when its rights are set.
func (s *socket) open(mode fs.FileMode) error {
	if err := s.free(); err != nil {
		return err
	}
	private, err := os.MkdirTemp(filepath.Dir(s.path), ".klp-")
	if err != nil {
		return fmt.Errorf("klp: make folder for a new socket: %w", err)
	}
	defer func() { _ = os.RemoveAll(private) }()
	path := filepath.Join(private, "s")
	if s.UnixListener, err = net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"}); err != nil {
		return fmt.Errorf("klp: listen: %w", err)
	}
	s.SetUnlinkOnClose(false)
	if err := s.place(path, mode); err != nil {
		return errors.Join(err, s.UnixListener.Close())
	}
	return nil
}

// free makes sure that there is nothing at the path but a socket that nobody
// listens on. Only the lock's owner asks, so it stays like that.
func (s *socket) free() error {
	info, err := os.Lstat(s.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("klp: look at the socket: %w", err)
	case info.Mode().Type() != fs.ModeSocket:
		return fmt.Errorf("%w: %s is not a socket (%s); remove it, or use another path", ErrUnsafe, s.path, info.Mode().Type())
	}
	probe, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: s.path, Net: "unix"})
	if err == nil {
		return errors.Join(fmt.Errorf("%w: another program listens on %s", ErrInUse, s.path), probe.Close())
	}
	if !errors.Is(err, unix.ECONNREFUSED) {
		return fmt.Errorf("klp: find out whether %s is in use: %w", s.path, err)
	}
	return nil
}

func (s *socket) place(path string, mode fs.FileMode) (err error) {
	if err := os.Chmod(path, mode); err != nil {
		return fmt.Errorf("klp: set rights of the socket: %w", err)
	}
	if s.made, err = os.Lstat(path); err != nil {
		return fmt.Errorf("klp: look at the new socket: %w", err)
	}
	if err := os.Rename(path, s.path); err != nil {
		return fmt.Errorf("klp: put the socket in its place: %w", err)
	}
	return nil
}

func (s *socket) Accept() (conn, error) {
	c, err := s.AcceptUnix()
	if err != nil {
		return nil, fmt.Errorf("klp: accept: %w", err)
	}
	return socketConn{c}, nil
}

// Intact says whether the socket still stands at its path.
func (s *socket) Intact() error {
	found, err := os.Lstat(s.path)
	if err != nil {
		return fmt.Errorf("klp: look at the socket: %w", err)
	}
	if !os.SameFile(found, s.made) {
		return fmt.Errorf("klp: something else stands at %s", s.path)
	}
	return nil
}

// Close takes the socket away, if it is still ours.
func (s *socket) Close() error {
	var removed error
	if s.Intact() == nil {
		removed = os.Remove(s.path)
	}
	return errors.Join(s.UnixListener.Close(), removed, s.lock.Close())
}

type socketConn struct{ *net.UnixConn }

// Peer asks for the user at the time of the connect.
func (c socketConn) Peer() (peer, error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return peer{}, fmt.Errorf("klp: who is the client: %w", err)
	}
	var uid uint32
	var failed error
	if err := raw.Control(func(fd uintptr) { uid, failed = peerUID(int(fd)) }); err != nil || failed != nil {
		return peer{}, errors.Join(err, failed)
	}
	id := strconv.FormatUint(uint64(uid), 10)
	return peer{user: userName(id), session: uid, account: "uid " + id, trusted: uid == 0 || int(uid) == os.Geteuid()}, nil
}

func userName(uid string) string {
	u, err := user.LookupId(uid)
	if err != nil {
		return unknownUser
	}
	return u.Username
}
