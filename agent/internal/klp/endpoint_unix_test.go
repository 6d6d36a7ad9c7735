//go:build unix

package klp

import (
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// What a killed agent left is replaced, and nothing else is.
func TestASocketThatAKilledAgentLeft(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), childEndpoint+"="+cfg.Endpoint.Path)
	require.NoError(t, child.Start())
	defer func() { _ = child.Process.Kill(); _ = child.Wait() }()
	dial(t, cfg.Endpoint.Path).handshake().close()
	_, err := listen(cfg.Endpoint)
	require.ErrorIs(t, err, ErrInUse)
	require.NoError(t, child.Process.Kill())
	_ = child.Wait() // killed
	info, err := os.Lstat(cfg.Endpoint.Path)
	require.NoError(t, err)
	require.Equal(t, fs.ModeSocket, info.Mode().Type(), "it is still there")

	start(t, cfg)
	c := dial(t, cfg.Endpoint.Path).handshake()
	defer c.close()
}

func TestTheSocketsRightsAndTraces(t *testing.T) {
	t.Parallel()
	for mode, want := range map[fs.FileMode]fs.FileMode{0: 0o660, 0o600: 0o600, 0o666: 0o666} {
		e := Endpoint{Path: tempEndpoint(t), Mode: mode}
		l, err := listen(e)
		require.NoError(t, err)
		info, err := os.Lstat(e.Path)
		require.NoError(t, err)
		require.Equal(t, fs.ModeSocket|want, info.Mode())
		require.NoError(t, l.Intact())
		require.Equal(t, []string{"s", "s.lock"}, names(t, filepath.Dir(e.Path)))
		require.NoError(t, l.Close())
		require.Equal(t, []string{"s.lock"}, names(t, filepath.Dir(e.Path)))
	}
}

func names(t *testing.T, dir string) (all []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, entry := range entries {
		all = append(all, entry.Name())
	}
	return all
}

func TestTheFolderIsMade(t *testing.T) {
	t.Parallel()
	path := filepath.Join(filepath.Dir(tempEndpoint(t)), "kanade", "agent.sock")
	l, err := listen(Endpoint{Path: path})
	require.NoError(t, err)
	require.NoError(t, l.Close())
	_, err = listen(Endpoint{Path: filepath.Join(filepath.Dir(path), "a", "b", "s")})
	require.ErrorIs(t, err, fs.ErrNotExist, "only one")
}

func TestWhatIsNotOursStays(t *testing.T) {
	t.Parallel()
	for name, put := range map[string]func(t *testing.T, path string){
		"a file":   func(t *testing.T, path string) { require.NoError(t, os.WriteFile(path, []byte("x"), 0o600)) },
		"a folder": func(t *testing.T, path string) { require.NoError(t, os.Mkdir(path, 0o700)) },
		"a link to a file": func(t *testing.T, path string) {
			require.NoError(t, os.WriteFile(path+".target", []byte("x"), 0o600))
			require.NoError(t, os.Symlink(path+".target", path))
		},
		"a link to nothing": func(t *testing.T, path string) { require.NoError(t, os.Symlink(path+".target", path)) },
		"a link to a socket": func(t *testing.T, path string) {
			l, err := net.Listen("unix", path+".other")
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, l.Close()) })
			require.NoError(t, os.Symlink(path+".other", path))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := tempEndpoint(t)
			put(t, path)
			before, err := os.Lstat(path)
			require.NoError(t, err)
			_, err = listen(Endpoint{Path: path})
			require.ErrorIs(t, err, ErrUnsafe)
			require.ErrorContains(t, err, path)
			after, err := os.Lstat(path)
			require.NoError(t, err)
			require.True(t, os.SameFile(before, after))
		})
	}
}

func TestASocketOfAnotherProgram(t *testing.T) {
	t.Parallel()
	path := tempEndpoint(t)
	l, err := net.Listen("unix", path)
	require.NoError(t, err)
	_, err = listen(Endpoint{Path: path})
	require.ErrorIs(t, err, ErrInUse)
	require.NoError(t, l.Close())
	ours, err := listen(Endpoint{Path: path})
	require.NoError(t, err, "the lock was given back")
	require.NoError(t, ours.Close())
}

func TestAFolderThatOthersMayWriteTo(t *testing.T) {
	t.Parallel()
	path := tempEndpoint(t)
	for _, mode := range []fs.FileMode{0o777, 0o770, 0o702, 0o777 | fs.ModeSticky} {
		require.NoError(t, os.Chmod(filepath.Dir(path), mode))
		_, err := listen(Endpoint{Path: path})
		require.ErrorIs(t, err, ErrUnsafe, "%v", mode)
	}
	require.NoError(t, os.Chmod(filepath.Dir(path), 0o700))
	link := filepath.Dir(path) + "-link"
	require.NoError(t, os.Symlink(filepath.Dir(path), link))
	defer func() { require.NoError(t, os.Remove(link)) }()
	_, err := listen(Endpoint{Path: filepath.Join(link, "s")})
	require.ErrorIs(t, err, ErrUnsafe)
}

// Who may write above the folder could put another one in its place.
func TestAFolderBelowOneThatOthersMayWriteTo(t *testing.T) {
	t.Parallel()
	above := filepath.Dir(tempEndpoint(t))
	dir := filepath.Join(above, "own", "sockets")
	require.NoError(t, os.MkdirAll(dir, 0o700))
	l, err := listen(Endpoint{Path: filepath.Join(dir, "s")})
	require.NoError(t, err)
	require.NoError(t, l.Close())
	for mode, safe := range map[fs.FileMode]bool{0o777: false, 0o703: false, 0o702: false, 0o770: true, 0o777 | fs.ModeSticky: true, 0o700: true} {
		require.NoError(t, os.Chmod(filepath.Dir(dir), mode))
		err := checkFolder(dir)
		require.Equal(t, safe, err == nil, "%v: %v", mode, err)
		if !safe {
			require.ErrorIs(t, err, ErrUnsafe)
		}
	}
	require.NoError(t, os.Chmod(filepath.Dir(dir), 0o700))
	require.NoError(t, os.Chmod(above, 0o777))
	require.ErrorIs(t, checkFolder(dir), ErrUnsafe, "far above")
	require.NoError(t, os.Chmod(above, 0o700))
	link := filepath.Join(above, "link")
	require.NoError(t, os.Symlink("own", link))
	require.NoError(t, checkFolder(filepath.Join(link, "sockets")), "a link of our own is not followed to anywhere else")
	require.NoError(t, os.Chmod(filepath.Dir(dir), 0o777))
	require.ErrorIs(t, checkFolder(filepath.Join(link, "sockets")), ErrUnsafe, "also where a link leads to")
	if os.Geteuid() == 0 {
		require.NoError(t, os.Chmod(filepath.Dir(dir), 0o700))
		require.NoError(t, os.Chown(filepath.Dir(dir), 4242, -1))
		require.ErrorIs(t, checkFolder(dir), ErrUnsafe, "the folder above belongs to somebody")
	}
}

func TestPathsThatAreNone(t *testing.T) {
	t.Parallel()
	dir := filepath.Dir(tempEndpoint(t))
	for _, path := range []string{"", "s", "./s", filepath.Join(dir, strings.Repeat("x", maxPath)), dir + "/a\x00b"} {
		_, err := listen(Endpoint{Path: path})
		require.ErrorContains(t, err, "klp: ", "%q", path)
	}
	longest := filepath.Join(dir, strings.Repeat("x", maxPath-len(dir)-1))
	l, err := listen(Endpoint{Path: longest})
	require.NoError(t, err)
	defer func() { require.NoError(t, l.Close()) }()
	c, err := dialOnce(longest)
	require.NoError(t, err)
	require.NoError(t, c.Close())
}

func TestALockThatIsALink(t *testing.T) {
	t.Parallel()
	path := tempEndpoint(t)
	require.NoError(t, os.WriteFile(path+".file", nil, 0o600))
	require.NoError(t, os.Symlink(path+".file", path+".lock"))
	_, err := listen(Endpoint{Path: path})
	require.ErrorContains(t, err, "lock")
}

// Who cleans up the folder takes the socket away from its clients. It comes back,
// and those who were connected stay.
func TestASocketThatWasRemoved(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	cfg.limits.look = 10 * time.Millisecond
	start(t, cfg)
	c := dial(t, cfg.Endpoint.Path).handshake()
	defer c.close()
	require.NoError(t, os.Remove(cfg.Endpoint.Path))
	dial(t, cfg.Endpoint.Path).handshake().close()
	_, err := c.call("system.ping", nil)
	require.NoError(t, err)
}

// A place that cannot be had is waited for.
func TestAFileThatIsInTheWayAtFirst(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	require.NoError(t, os.WriteFile(cfg.Endpoint.Path, nil, 0o600))
	time.AfterFunc(10*time.Millisecond, func() { _ = os.Remove(cfg.Endpoint.Path) })
	start(t, cfg)
}
