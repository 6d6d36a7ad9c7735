//go:build !windows

package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

const administrator = "administrator"

func accountName() string { return "user" }

func thisMachine() machine {
	name, _ := os.Hostname()
	version, _ := exec.Command("uname", "-rv").Output() //nolint:noctx // it answers at once
	return machine{
		Name: name, System: runtime.GOOS, Arch: runtime.GOARCH, CPUs: runtime.NumCPU(),
		Version: strings.TrimSpace(string(version)),
	}
}

func runAsSystem(context.Context, string, []string, time.Duration) (*report, error) {
	return nil, errors.ErrUnsupported
}
