package jstest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	serverVersion = "v2.15.2"
	serverModule  = "github.com/nats-io/nats-server/v2"
	serverEnv     = "KANADE_NATS_SERVER"

	installTimeout = 5 * time.Minute // 13 s were measured; a slow network and a cold build cache take longer
)

// serverPath finds the server once per test process.
var serverPath = sync.OnceValues(findServer)

// findServer returns the server named by the environment, or the pinned one from the user's cache, which it builds
// when it is not there yet.
func findServer() (string, error) {
	if path := os.Getenv(serverEnv); path != "" {
		if _, err := os.Stat(path); err != nil {
			return "", fmt.Errorf("jstest: find nats-server: $%s: %w", serverEnv, err)
		}
		return path, nil
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", missing(err)
	}
	dir := filepath.Join(cache, "kanade-jstest", "nats-server-"+serverVersion)
	path := filepath.Join(dir, "nats-server"+exeSuffix)
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	if err := installOnce(dir, path); err != nil {
		return "", missing(err)
	}
	return path, nil
}

func missing(err error) error {
	return fmt.Errorf("jstest: these tests need a real nats-server and could not get one: %w\n"+
		"set $%s to the path of a nats-server %s, or make `go install %s@%s` work here",
		err, serverEnv, serverVersion, serverModule, serverVersion)
}

// installOnce builds the server while holding a lock, so that of several test processes one builds and the others wait.
func installOnce(dir, path string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	unlock, err := lockFile(filepath.Join(dir, "install.lock"))
	if err != nil {
		return err
	}
	defer unlock()
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	return install(dir, path)
}

// install builds into a folder of its own, which is outside any module, and renames: path never names half a file.
func install(dir, path string) error {
	temp, err := os.MkdirTemp(dir, "build-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(temp) }()
	ctx, cancel := context.WithTimeout(context.Background(), installTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", "install", serverModule+"@"+serverVersion)
	cmd.Dir = temp
	cmd.Env = installEnv(os.Environ(), temp)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, out)
	}
	return os.Rename(filepath.Join(temp, "nats-server"+exeSuffix), path)
}

// installEnv is env without what belongs to the build of the tests: flags such as -mod, the workspace, and the target
// of a cross-build, with which GOBIN would be refused. GOFLAGS is set rather than removed because `go env -w` may name it too.
func installEnv(env []string, bin string) []string {
	ours := []string{"GOBIN=" + bin, "GOWORK=off", "GOFLAGS=-trimpath", "CGO_ENABLED=0"}
	kept := slices.DeleteFunc(slices.Clone(env), func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		return slices.Contains([]string{"GOBIN", "GOWORK", "GOFLAGS", "CGO_ENABLED", "GOOS", "GOARCH"}, name)
	})
	return append(kept, ours...)
}
