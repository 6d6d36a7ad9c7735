//go:build linux

// Command updating is the agent with an updater whose times are short, and with
// faults that the end of its own file names.
package main

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/kanade-go/kanade/agent"
	"github.com/kanade-go/kanade/agent/internal/update"
	"github.com/kanade-go/kanade/cmd/agentcli"
)

var version string // -ldflags -X

// trailer ends the file of a release with a fault: a line "\nFAULT <version> <fault>".
const trailer = "\nFAULT "

func fault() string {
	f, err := os.Open("/proc/self/exe")
	if err != nil {
		return ""
	}
	defer f.Close()
	if _, err := f.Seek(-64, io.SeekEnd); err != nil {
		return ""
	}
	end, _ := io.ReadAll(f)
	_, line, found := bytes.Cut(end, []byte(trailer))
	if !found {
		return ""
	}
	stamped, fault, _ := strings.Cut(string(line), " ")
	version = stamped
	return fault
}

func main() { os.Exit(run(fault())) }

func run(fault string) int {
	verb, state, environment := os.Args[1], os.Getenv("KANADE_AGENT_DATA_DIR"), os.Environ()
	switch {
	case fault == "crash-selftest", fault == "crash" && verb == "run" && counted():
		return 3
	case fault == "hang-selftest" && verb == "selftest":
		time.Sleep(time.Hour)
	case fault == "hang" && verb == "run" && counted():
		hang()
	case fault == "deaf-selftest" && verb == "selftest", fault == "deaf" && verb == "run", fault == "deaf-if" && verb == "run" && marked("deaf"):
		os.Setenv("KANADE_NATS_URL", "nats://127.0.0.1:1")
	}
	if marked("full") && verb == "run" {
		small := syscall.Rlimit{Cur: 1 << 20, Max: 1 << 20}
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &small); err != nil {
			return 4
		}
	}
	updater := agent.Updater{
		StartCounted: true, Step: step(state),
		SelfTestEnv:  environment,
		SelfTestArgs: []string{"selftest", "--update-keys=" + os.Getenv("KANADE_UPDATE_KEYS")},
		Times: agent.UpdateTimes{ // a third of SelfTest is all that a busy machine has to start and to connect
			ConfirmAfter: 300 * time.Millisecond, ConfirmWithin: 8 * time.Second, Retry: 200 * time.Millisecond,
			RetryTried: time.Second, DowngradeWait: time.Second, SelfTest: 15 * time.Second,
		},
	}
	updater.Keys = keys(os.Getenv("KANADE_UPDATE_KEYS"))
	return agentcli.Main(agentcli.Brand{Version: version, SelfUpdate: true}, agent.WithUpdater(updater))
}

// counted: what crashes has been counted, as the real program does first.
func counted() bool {
	if err := agent.CountStart(""); errors.Is(err, agent.ErrRestart) {
		os.Exit(agentcli.ExitRestart)
	}
	return true
}

func keys(folder string) (all []ed25519.PublicKey) {
	files, _ := filepath.Glob(filepath.Join(folder, "*.pub"))
	for _, file := range files {
		pem, err := os.ReadFile(file)
		if err != nil {
			panic(err)
		}
		key, err := agent.ReleasePublicKey(pem)
		if err != nil {
			panic(err)
		}
		all = append(all, key)
	}
	return all
}

// marked says whether a test has made a file in the state folder.
func marked(name string) bool {
	_, err := os.Stat(filepath.Join(os.Getenv("KANADE_AGENT_DATA_DIR"), name))
	return err == nil
}

// hang is a start that never comes as far as the agent.
func hang() {
	install, err := update.InstallOf("")
	if err == nil {
		err = install.GuardWithin(new(update.Guard), 2*time.Second)
	}
	if err != nil {
		panic(err)
	}
	select {}
}

// step waits at the step that a file names, as long as there is that file, and kills
// the process at another, once.
func step(state string) func(string) {
	return func(step string) {
		for marked("hold-at-" + step) {
			time.Sleep(10 * time.Millisecond)
		}
		if os.Remove(filepath.Join(state, "die-at-"+step)) == nil {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
	}
}
