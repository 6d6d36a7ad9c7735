package agent

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/kanade-go/kanade/agent/internal/command"
	"github.com/kanade-go/kanade/agent/internal/delivery"
	"github.com/kanade-go/kanade/agent/internal/events"
	"github.com/kanade-go/kanade/agent/internal/hostfacts"
	"github.com/kanade-go/kanade/agent/internal/intake"
	"github.com/kanade-go/kanade/agent/internal/natskit"
	"github.com/kanade-go/kanade/agent/internal/schedule"
	"github.com/kanade-go/kanade/agent/internal/scripts"
	"github.com/kanade-go/kanade/agent/internal/settings"
	"github.com/kanade-go/kanade/agent/internal/statedir"
	"github.com/kanade-go/kanade/agent/internal/supervise"
	"github.com/kanade-go/kanade/agent/internal/telemetry"
	"github.com/kanade-go/kanade/retry"
)

// killGrace is what a script has between TERM and KILL. With the 2 s for the rest
// of its output it fits into what a stop has for it.
const killGrace = 3 * time.Second

// stagingFolder holds the scripts that are staged as files. What a killed agent
// left in it is removed at the start.
const stagingFolder = "agent-scripts"

// scriptFolder holds the script objects that were fetched, as in the reference
// release.
const scriptFolder = "script_cache"

// maxOutput is how much of each stream of a command is kept, its beginning and
// its end. What does not fit into a message travels as an object.
const maxOutput = 8 << 20

// parts is everything that one run of the agent consists of.
type parts struct {
	beat      supervise.Beat // of all that is done now and then
	dir       *statedir.Dir
	ledger    *command.Ledger
	boxes     boxes
	floor     int64         // free disk space that telemetry leaves
	inherited bool          // the state folder was used under another pc_id
	report    report        // what only Status needs
	own       *natskit.Conn // dialled by us; nil if the connection was brought along
	borrowed  *natskit.Borrowed
	transport retry.Transport
	js        JetStream
	link      *natskit.Link
	telemetry *telemetry.Service // nil: nobody is told of the host
	pings     *supervise.Group
	unhear    func() // of refused subjects; nil: nobody tells
	settings  *settings.Service
	schedule  *schedule.Service
	commands  *command.Service
	tails     *command.Tails
	arrivals  chan delivery.Delivery
	live      *intake.Live
	replay    *intake.Replay
	inventory *hostfacts.Service // nil: nothing is to be published
	updates   updates
}

// compose opens what is durable, connects, and puts the parts together. Nothing
// runs yet but the answers to pings: the broker and whoever asks wait for no disk.
// On an error everything that was opened is closed again.
func (a *Agent) compose(ctx context.Context) (*parts, error) {
	p := &parts{beat: a.beat, arrivals: make(chan delivery.Delivery, 64), report: a.newReport()}
	for _, step := range []func(*parts) error{a.openState, a.connect, a.hearDenials, a.answerPings(ctx), a.openLedger, a.openBoxes} {
		if err := step(p); err != nil {
			return nil, errors.Join(err, p.close())
		}
	}
	a.composeSettings(p)
	objects := a.scripts(p)
	a.composeSchedule(p, objects)
	a.composeCommands(p, objects)
	a.composeIntake(p)
	a.composeInventory(p)
	a.composeUpdates(p)
	return p, nil
}

func (a *Agent) openState(p *parts) (err error) {
	if err := a.refuseForeignState(); err != nil {
		return err
	}
	p.dir, err = statedir.Open(a.cfg.StateDir)
	if errors.Is(err, statedir.ErrLocked) {
		return fmt.Errorf("%w: %w", ErrStateLocked, err)
	}
	if err != nil {
		return fmt.Errorf("agent: open state folder: %w", err)
	}
	if err := p.dir.Warning(); err != nil {
		a.log.Warn("whoever owns the state folder can change what the agent keeps in it", "error", err)
	}
	a.forgetLastStatus(p)
	if err := os.RemoveAll(p.dir.Path(stagingFolder)); err != nil {
		a.log.Warn("scripts that the last run had staged were not removed", "error", err)
	}
	return nil
}

func (a *Agent) openLedger(p *parts) (err error) {
	folder := p.dir.Path("ledger")
	var torn int
	p.ledger, torn, err = command.OpenLedger(a.opts.fs, folder, a.cfg.ID, a.opts.now)
	if err != nil {
		return fmt.Errorf("agent: %w", err)
	}
	others, err := command.OtherLedgers(a.opts.fs, folder, a.cfg.ID)
	if err != nil {
		return fmt.Errorf("agent: %w", err)
	}
	if p.inherited = len(others) > 0; p.inherited {
		a.log.Warn("the state folder was used under another pc_id; its commands are neither run nor reported under this one", "files", others)
	}
	if torn > 0 {
		a.log.Warn("the ledger had lines that were not written to their end; they were never confirmed and are dropped", "lines", torn)
	}
	return nil
}

func (a *Agent) connect(p *parts) (err error) {
	switch {
	case a.opts.transport != nil:
		p.transport, p.js = a.opts.transport, a.opts.js
		p.link = natskit.NewLink(p.transport, nil)
		return nil
	case a.opts.conn != nil:
		return a.borrow(p)
	}
	if p.own, err = natskit.Dial(a.dialOptions()); err != nil {
		return fmt.Errorf("agent: %w", err)
	}
	js, err := jetstream.New(p.own.Conn)
	if err != nil {
		return fmt.Errorf("agent: open jetstream: %w", err)
	}
	p.transport, p.js = retry.FromNATS(p.own.Conn), js
	p.link = natskit.NewLink(p.transport, p.own.ConnectedUrl)
	return nil
}

func (a *Agent) composeCommands(p *parts, objects *scripts.Cache) {
	p.tails = command.NewTails(a.cfg.ID)
	p.commands = command.New(command.Config{
		PCID: a.cfg.ID, Ledger: p.ledger, Sink: p.resultSink(), Shells: a.shells(p), Verify: a.verify(), Events: a.recorder(p),
		Lookup: p.settings.Scripts(), Scripts: objects, Offline: p.link.Offline,
		Slots: a.cfg.Concurrency, Settings: p.currentSettings, Now: a.opts.now, Logger: a.log.With("component", "command"),
	})
}

func (a *Agent) scripts(p *parts) *scripts.Cache {
	cache := scripts.Open(scripts.Config{
		Dir: p.dir.Path(scriptFolder), FS: a.opts.fs, Now: a.opts.now, Logger: a.log.With("component", "scripts"),
		Objects: retry.NewObjectReader(p.transport), Transport: p.transport,
	})
	p.report.scripts = cache.Status
	return cache
}

func (a *Agent) recorder(p *parts) *events.Recorder {
	return &events.Recorder{
		PCID: a.cfg.ID, Starts: p.boxes.starts, Observations: p.boxes.observations,
		MaxPayload: maxPayload(p.transport), Now: a.opts.now, Logger: a.log.With("component", "events"),
	}
}

func (a *Agent) composeIntake(p *parts) {
	log := a.log.With("component", "intake")
	p.live = &intake.Live{
		Transport: p.transport, PCID: a.cfg.ID, Groups: p.settings.Groups, Out: p.arrivals, Kill: p.commands.Kill,
		Settled: p.report.denials.settled, Logger: log,
	}
	p.replay = &intake.Replay{
		JetStream: p.js, Transport: p.transport, PCID: a.cfg.ID, Groups: p.live.Joined, Out: p.arrivals, Logger: log,
		MemberSince: p.settings.GroupsPut, Options: []retry.Option{p.report.board.Option()},
	}
}

func (a *Agent) shells(p *parts) map[string]command.Shell {
	all := make(map[string]command.Shell)
	env := scriptEnv(os.Environ())
	runner := a.opts.runner
	if runner == nil {
		runner = a.localRunner(p.dir.Path(stagingFolder))
	}
	for _, s := range shells {
		all[string(s)] = command.Script{Runner: runner, Shell: s, Env: env, MaxOutput: maxOutput, Limits: a.cfg.ScriptLimits, Tails: p.tails}
	}
	for name, entry := range a.opts.handlers {
		all[name] = handlerShell{handlerEntry: entry, maxOutput: maxOutput, tails: p.tails}
	}
	return p.report.running.watch(all)
}

// scriptEnv is the agent's environment without its secrets.
func scriptEnv(env []string) []string {
	kept := make([]string, 0, len(env))
	for _, entry := range env {
		if !strings.HasPrefix(strings.ToUpper(entry), "KANADE_NATS_") {
			kept = append(kept, withoutProxyPassword(entry))
		}
	}
	return kept
}

func (a *Agent) verify() command.Verify {
	v := a.opts.verifier
	if v == nil {
		return nil
	}
	return func(ctx context.Context, r command.Received) error {
		return v.Verify(ctx, Received{
			Data: r.Data, Subject: r.Subject, Header: r.Header, Replay: r.Source == delivery.Replay, Command: r.Command,
		})
	}
}

// close releases what compose opened, in the reverse order.
func (p *parts) close() error {
	var errs []error
	if p.own != nil {
		p.own.Close() // first: an attempt to connect holds the lock that all others want
	}
	if p.pings != nil {
		p.pings.Stop()
	}
	if p.unhear != nil {
		p.unhear()
	}
	errs = append(errs, p.boxes.close())
	if p.ledger != nil {
		errs = append(errs, p.ledger.Close())
	}
	if p.dir != nil {
		errs = append(errs, p.dir.Close())
	}
	return errors.Join(errs...)
}
