package agentcli

import (
	"os"
	"os/user"
	"runtime"
	"strings"
)

// hostScope is what templates see of this machine. Facts are looked up when a
// file asks for them: on some hosts the user's name comes over the network.
func hostScope(lookupEnv func(string) (string, bool)) scope {
	return scope{
		system: map[string]func() (string, error){
			"os":   fixed(wireOS(runtime.GOOS)),
			"arch": fixed(wireArch(runtime.GOARCH)),
			"host": os.Hostname,
			"user": userName,
			"cwd":  os.Getwd,
		},
		home:      os.UserHomeDir,
		lookupEnv: lookupEnv,
	}
}

func fixed(s string) func() (string, error) {
	return func() (string, error) { return s, nil }
}

// userName leaves out the domain that Windows puts before a backslash.
func userName() (string, error) {
	u, err := user.Current()
	if err != nil {
		return "", err
	}
	return u.Username[strings.LastIndexByte(u.Username, '\\')+1:], nil
}

// wireOS and wireArch give the names that configuration files of a fleet use.
func wireOS(goos string) string {
	if goos == "darwin" {
		return "macos"
	}
	return goos
}

func wireArch(goarch string) string {
	switch goarch {
	case "amd64":
		return "x86_64"
	case "arm64":
		return "aarch64"
	case "386":
		return "x86"
	}
	return goarch
}
