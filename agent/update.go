package agent

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync/atomic"
	"time"

	hostdisk "github.com/shirou/gopsutil/v4/disk"

	"github.com/kanade-go/kanade/agent/internal/supervise"
	"github.com/kanade-go/kanade/agent/internal/update"
	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/retry"
)

// ErrRestart says that the executable was replaced: end the process and have it
// started again, in the reference's fleets with exit code 64.
var ErrRestart = update.ErrRestart

// UpdateTimes are the times of updates; zeros are defaults.
type UpdateTimes = update.Times

// Updater replaces the program's executable by the release that the settings want
// (target_version, from the object store agent_releases), watches the new one, and
// takes the old one back when it does not work. [Agent.Run] then ends with
// [ErrRestart]. One that hangs on the way ends the process, by a panic.
//
// The executable's folder must be writable for the agent and for nobody else: it
// holds the new release before the swap and the last good one after it.
type Updater struct {
	// Executable is the path of the program; empty: the one that runs.
	Executable string
	// Name is the program's name in signed manifests, and in the report of a self-test
	// that gives one; empty: kanade-agent.
	Name string
	// Keys are trusted to sign releases; one signature is enough. As long as there
	// are none, every release is taken that the store holds.
	Keys []ed25519.PublicKey
	// AllowUnsigned takes releases without a manifest although there are Keys.
	AllowUnsigned bool
	// MinimumVersion is the oldest version that is taken; empty: any. Signed manifests
	// can raise it.
	MinimumVersion string
	// SelfTestArgs and SelfTestEnv start a release for its self-test, in which it
	// calls [SelfTest] and prints the report as JSON, whatever it says; the one that
	// ran before is started so too, to tell a broken release from a broker that is
	// away. Both have the variable KANADE_SELFTEST_WAIT besides, the time in which
	// they should have an answer, such as 20s. Defaults: the verb selftest, and the
	// environment of the process.
	SelfTestArgs, SelfTestEnv []string
	// StartCounted says that [CountStart] was called already.
	StartCounted bool
	// Step, if not nil, is told of each step before it is taken: wait, look, fetch,
	// verify, selftest, plan, drain, swap, swapped; probation, ask, confirm, take-back.
	Step func(name string)

	Times UpdateTimes
}

// WithUpdater has the agent replace its executable. Default: it never does.
func WithUpdater(u Updater) Option {
	return func(o *options) error {
		if u.Name == "" {
			u.Name = "kanade-agent"
		}
		if len(u.SelfTestArgs) == 0 {
			u.SelfTestArgs = []string{"selftest"}
		}
		o.updater = &u
		for _, key := range u.Keys {
			if len(key) != ed25519.PublicKeySize {
				return configError("updater: a key has %d bytes, not %d", len(key), ed25519.PublicKeySize)
			}
		}
		return nil
	}
}

// CountStart is for the first line of main, before anything that can fail: it counts
// a start of a release that has not proved itself yet. [ErrRestart]: there were too
// many, and the last good executable is back; end the process. Any other error is to
// be reported, and the program goes on. Run does the same, but later, unless
// StartCounted is set. An empty path is the program that runs.
//
// Where a service manager has started the agent that took the release, only starts
// by one count: a start by hand neither counts nor takes anything back. Known are the
// manager of Windows, and process 1 of other systems.
func CountStart(executable string) error {
	install, err := update.InstallOf(executable)
	if err != nil {
		return fmt.Errorf("agent: %w", err)
	}
	if install.Replaced() {
		return fmt.Errorf("agent: %w", ErrRestart)
	}
	if err := install.CountStart(time.Now()); err != nil {
		return fmt.Errorf("agent: %w", err)
	}
	return nil
}

// UncountStart takes back what [CountStart] has counted in this process, for a program that finds in
// its configuration that it is not to update itself: nobody would confirm a release
// that is on probation, and starts that count would take it back.
func UncountStart(executable string) error {
	install, err := update.InstallOf(executable)
	if err != nil {
		return fmt.Errorf("agent: %w", err)
	}
	if err := install.UncountStart(); err != nil {
		return fmt.Errorf("agent: %w", err)
	}
	return nil
}

// countStart is CountStart where the program did not call it.
func (a *Agent) countStart() error {
	u := a.opts.updater
	if u == nil {
		return nil
	}
	if !u.StartCounted {
		err := CountStart(u.Executable)
		if errors.Is(err, ErrRestart) {
			return err
		}
		if err != nil {
			a.log.Error("the start of this release was not counted", "error", err)
		}
	}
	install, err := update.InstallOf(u.Executable)
	if err == nil && install.Replaced() {
		return fmt.Errorf("agent: %w", ErrRestart) // it was said before, to a program that ran on
	}
	if err == nil {
		err = install.Guard(&a.guard)
	}
	if err != nil {
		a.log.Debug("nobody looks whether this release comes up", "error", err) // what is wrong is told by the updates
	}
	return nil
}

// uncounted takes a start off that says nothing about the release: somebody started a
// second agent by hand.
func (a *Agent) uncounted(ended error) error {
	u := a.opts.updater
	if u == nil || !errors.Is(ended, ErrStateLocked) {
		return ended
	}
	if err := UncountStart(u.Executable); err != nil {
		a.log.Warn("this start counts against a release that is not confirmed yet", "error", err)
	}
	return ended
}

// updates is the part of a run that replaces the executable; its zero value does
// nothing.
type updates struct {
	service *update.Service
	beats   atomic.Int64 // heartbeats that went out
	failed  atomic.Uint64
}

// composeUpdates finds the executable while it has a name. An agent that does not
// update is better than none.
func (a *Agent) composeUpdates(p *parts) {
	u := a.opts.updater
	if u == nil {
		return
	}
	install, err := update.InstallOf(u.Executable)
	if err != nil {
		a.log.Error("no update is done until the agent is started again", "error", err)
		return
	}
	recorder := a.recorder(p)
	p.updates.service = update.New(update.Config{
		Install: install, Name: u.Name, Version: a.cfg.Version,
		OS: wire.OSFamily(runtime.GOOS), Arch: wire.AgentArch(runtime.GOARCH),
		Keys: u.Keys, AllowUnsigned: u.AllowUnsigned, Floor: u.MinimumVersion,
		Objects: retry.NewObjectReader(p.transport), Transport: p.transport,
		Settings: p.currentSettings, Fresh: p.freshSettings, Healthy: p.healthy, Free: freeSpace,
		SelfTest: func(ctx context.Context, executable string) (update.Report, error) {
			return update.RunSelfTest(ctx, executable, u.SelfTestArgs, u.env(ctx))
		},
		Observe:       func(kind string, payload map[string]string) { recorder.Observe(context.Background(), kind, payload) },
		FormerStaging: filepath.Join(a.cfg.StateDir, "staging"), Drain: a.cfg.Grace + 2*time.Minute,
		Guard: &a.guard,
		Step:  u.Step, Times: u.Times, Now: a.opts.now, Logger: a.log.With("component", "update"),
	})
	p.updates.service.Load()
}

// selfTestWaitEnv tells a self-test when an answer is wanted: one that is killed
// gives none, not even that it cannot connect.
const selfTestWaitEnv = "KANADE_SELFTEST_WAIT"

// env leaves a third of the time to connect, a third to read, and the rest to start.
func (u *Updater) env(ctx context.Context) []string {
	env := u.SelfTestEnv
	if env == nil {
		env = os.Environ()
	}
	if end, limited := ctx.Deadline(); limited {
		env = append(slices.Clone(env), selfTestWaitEnv+"="+(time.Until(end)/3).Round(time.Millisecond).String())
	}
	return env
}

func freeSpace(folder string) (uint64, error) {
	usage, err := hostdisk.Usage(folder)
	if err != nil {
		return 0, err
	}
	return usage.Free, nil
}

func (p *parts) updateTasks() []supervise.Task {
	if p.updates.service == nil {
		return nil
	}
	return []supervise.Task{{Name: "updates", Run: p.updates.service.Run}}
}

// freshSettings says whether this run has read the settings that it goes by, and
// they are not stale: a target from a snapshot may have been withdrawn. A bucket that
// nobody uses is never there, and says nothing.
func (p *parts) freshSettings() bool {
	for _, b := range p.settings.Status().Buckets {
		if b.Bucket != wire.BucketAgentConfig && b.Bucket != wire.BucketAgentGroups {
			continue
		}
		unused := !b.Missing.IsZero() && b.Rows == 0
		if !unused && (!b.Read || !b.Stale.IsZero()) {
			return false
		}
	}
	return true
}

// healthy is nil when the agent is connected, has sent a heartbeat, and delivers what
// it has: nothing waits, or nothing failed since it was asked last.
func (p *parts) healthy() error {
	if connected, _ := p.transport.State(); !connected {
		return errors.New("it is not connected to the broker")
	}
	if p.updates.beats.Load() == 0 {
		return errors.New("no heartbeat was sent")
	}
	stats := p.boxes.results.Stats()
	if before := p.updates.failed.Swap(stats.Failed); stats.Pending > 0 && stats.Failed > before {
		return fmt.Errorf("%w: %d results wait, and deliveries fail", update.ErrUnclear, stats.Pending)
	}
	return nil
}
