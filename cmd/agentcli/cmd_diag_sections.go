package agentcli

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/kanade-go/kanade/agent"
	"github.com/kanade-go/kanade/outbox"
)

type diagVersions struct {
	versionInfo
	Executable string            `json:"executable"`
	Modules    map[string]string `json:"modules"` // that it was built from
	CPUs       int               `json:"cpus"`
	PID        int               `json:"pid"` // of this look, not of the agent
}

func (d *diagnosis) versions(context.Context) (any, error) {
	v := diagVersions{Modules: map[string]string{}, CPUs: runtime.NumCPU(), PID: os.Getpid()}
	var said bytes.Buffer
	if err := d.printVersionJSON(&said); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(said.Bytes(), &v.versionInfo); err != nil {
		return nil, err
	}
	if build, ok := debug.ReadBuildInfo(); ok {
		for _, m := range build.Deps {
			v.Modules[m.Path] = m.Version
		}
	}
	var err error
	v.Executable, err = os.Executable()
	return v, err
}

type diagConfig struct {
	showAnswer
	Problems []diagProblem `json:"problems"`
}

// diagProblem is where something is wrong, but not what stands there: that may be
// anything.
type diagProblem struct {
	Severity string `json:"severity"`
	File     string `json:"file,omitempty"`
	Line     int    `json:"line,omitempty"`
	Column   int    `json:"column,omitempty"`
}

func (d *diagnosis) config(context.Context) (any, error) {
	c := diagConfig{
		showAnswer: showAnswer{Config: d.found.path, Files: append([]string{}, d.found.files...), Settings: []shownOption{}},
		Problems:   []diagProblem{},
	}
	effectively := d.resolved(d.found.config)
	for _, s := range allSettings() {
		source := cmp.Or(d.found.origins[s.name()], defaultSource)
		c.Settings = append(c.Settings, shownOption{s.name(), s.show(effectively), source})
	}
	for _, p := range append(slices.Clone(d.wrong), d.found.warnings...) {
		severity := "error"
		if p.Warning {
			severity = "warning"
		}
		c.Problems = append(c.Problems, diagProblem{severity, p.File, p.Line, p.Column})
	}
	if len(d.wrong) > 0 {
		return c, fmt.Errorf("the configuration has %s; config check says them", counted(len(d.wrong), "error"))
	}
	return c, nil
}

func (d *diagnosis) status(context.Context) (any, error) {
	service, _ := d.serviceStatus() // its error is in it
	answer := statusAnswer{Service: service, Agent: d.agentStatus(d.flags)}
	answer.Healthy = answer.exitCode() == ExitOK
	if answer.Agent.Error != "" {
		return answer, errors.New(answer.Agent.Error)
	}
	return answer, nil
}

func (d *diagnosis) updates(context.Context) (any, error) {
	u, err := agent.ReadUpdates("")
	return u, err
}

func (d *diagnosis) ledger(context.Context) (any, error) {
	if d.stateErr != nil {
		return nil, d.stateErr
	}
	all, err := agent.Ledgers(d.stateDir, d.found.config.ID)
	return struct {
		Files []agent.LedgerFile `json:"files"`
	}{all}, err
}

// diagBox is an outbox without what is in its records.
type diagBox struct {
	Name    string     `json:"name"`
	Pending int        `json:"pending"`
	Stuck   int        `json:"stuck"`
	Bytes   int64      `json:"bytes"`
	Oldest  time.Time  `json:"oldest,omitzero"`
	Records []diagStay `json:"stuck_records,omitempty"` // the newest of them, at most 20
	Error   string     `json:"error,omitempty"`
}

type diagStay struct {
	Bytes  int64          `json:"bytes"`
	Since  time.Time      `json:"since"`
	Reason *outbox.Reason `json:"reason,omitempty"`
}

// maxStays is how many stuck records are told of.
const maxStays = 20

func (d *diagnosis) boxes(context.Context) (any, error) {
	if d.stateErr != nil {
		return nil, d.stateErr
	}
	var all []diagBox
	var errs []error
	for _, box := range agent.Boxes(d.stateDir) {
		b, err := lookIntoBox(box)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			b.Error = oneLine(err)
			errs = append(errs, err)
		}
		all = append(all, b)
	}
	return all, errors.Join(errs...)
}

func lookIntoBox(box agent.Box) (diagBox, error) {
	b := diagBox{Name: box.Name}
	reader, err := box.Inspect()
	if err != nil {
		return b, err
	}
	entries, err := reader.List()
	for _, e := range slices.Backward(entries) {
		b.Bytes += e.Size
		if !e.Stuck {
			b.Pending++
			b.Oldest = e.ModTime.UTC()
			continue
		}
		if b.Stuck++; len(b.Records) < maxStays {
			why, _ := reader.Reason(e) // a record without one is told of as such
			b.Records = append(b.Records, diagStay{Bytes: e.Size, Since: e.ModTime.UTC(), Reason: why})
		}
	}
	return b, err
}

type diagEnvironment struct {
	Names []string `json:"names"`
	// Agent are those that the running agent was started with, where they can be read.
	Agent []string `json:"agent,omitempty"`
}

func (d *diagnosis) environment(context.Context) (any, error) {
	e := diagEnvironment{Names: namesOf(d.environ())}
	if s, err := agent.ReadStatus(d.stateDir); err == nil && runtime.GOOS == "linux" {
		block, err := os.ReadFile(filepath.Join("/proc", fmt.Sprint(s.PID), "environ"))
		if err != nil {
			return e, fmt.Errorf("of the agent's: %w", err)
		}
		e.Agent = namesOf(strings.Split(string(block), "\x00"))
	}
	return e, nil
}

// maxNames bounds the names, and maxName each of them.
const (
	maxNames = 1000
	maxName  = 128
)

// namesOf leaves out what has no value: it may be one.
func namesOf(environment []string) []string {
	names := []string{}
	for _, entry := range environment {
		name, _, found := strings.Cut(entry, "=")
		if found && name != "" && len(name) <= maxName && len(names) < maxNames {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// findings are those of doctor that take neither a broker nor a script.
func (d *diagnosis) findings(ctx context.Context) (any, error) {
	return d.serviceFindings(ctx), nil
}

func (d *diagnosis) goroutines(ctx context.Context) (any, error) {
	if d.stateErr != nil {
		return nil, d.stateErr
	}
	ctx, cancel := context.WithTimeout(ctx, d.patience)
	defer cancel()
	text, err := agent.ReadGoroutines(ctx, d.stateDir)
	return text, err
}
