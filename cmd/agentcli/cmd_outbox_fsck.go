package agentcli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kanade-go/kanade/outbox"
)

func (t tree) outboxFsckCommand() *cobra.Command {
	var opts outboxOptions
	var repair bool
	cmd := &cobra.Command{
		Use:   "fsck",
		Short: "Check the outboxes for damage, and repair it",
		Long: `Reads every file of the outboxes and says what is wrong: torn, unparsable,
duplicate and stuck records, left-over temporary files, reasons without a record,
foreign files, wrong permissions and wrong names; and what --repair would do
about it. Nothing is changed without --repair.

--repair needs the agent to be stopped. It never deletes what may be the only
copy of a record: what is damaged moves to stuck/, only copies that are the same
byte for byte are removed. It can be run again after any interruption.

With --json the answer is one JSON object: findings, repairable and repaired are
numbers, boxes is a list of objects with box, dir, records (how many) and
findings: objects with kind, file, other, what, repair, keeps, repaired, error. A
check that could not go on has error and exit_code besides.

Exit codes: 0 nothing was found, or all of it was repaired; 5 something was
found that is not repaired (a stuck record counts); 1 the check failed.`,
		Example: t.examples("outbox fsck", "outbox fsck --box results --json", "stop && %[1]s outbox fsck --repair; %[1]s start"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return t.outboxFsck(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr(), opts, repair)
		},
	}
	opts.addFlags(cmd, "as one JSON object")
	cmd.Flags().BoolVar(&repair, "repair", false, "do what the findings say; the agent must be stopped")
	return cmd
}

// fsckAnswer is the answer of fsck --json.
type fsckAnswer struct {
	Findings   int       `json:"findings"`
	Repairable int       `json:"repairable"`
	Repaired   int       `json:"repaired"`
	Boxes      []fsckBox `json:"boxes"`
	failure              // of a check that could not go on
}

type fsckBox struct {
	Box      string        `json:"box"`
	Dir      string        `json:"dir"`
	Records  int           `json:"records"`
	Findings []fsckFinding `json:"findings"`
}

type fsckFinding struct {
	Kind     string `json:"kind"`
	File     string `json:"file"`
	Other    string `json:"other,omitempty"`
	What     string `json:"what"`
	Repair   string `json:"repair,omitempty"`
	Keeps    string `json:"keeps,omitempty"`
	Repaired bool   `json:"repaired"`
	Error    string `json:"error,omitempty"`
}

func (t tree) outboxFsck(ctx context.Context, out, errOut io.Writer, opts outboxOptions, repair bool) error {
	found, err := t.openBoxes(opts)
	if err != nil {
		return err
	}
	answer := fsckAnswer{Boxes: []fsckBox{}}
	var ended error
	for _, box := range found.boxes {
		if err := answer.check(ctx, box, errOut, repair); err != nil {
			ended = t.fsckError(err, box)
			break
		}
	}
	answer.failure = failed(ended)
	if err := answer.print(out, opts.asJSON, t.brand.Use, repair); err != nil || ended != nil {
		return errors.Join(err, ended)
	}
	if answer.Findings > answer.Repaired {
		return &exitError{code: ExitFindings}
	}
	return nil
}

func (t tree) fsckError(err error, box openedBox) error {
	if !errors.Is(err, outbox.ErrLocked) {
		return withAccessHint(err, box.Dir())
	}
	return fmt.Errorf("%w; stop the agent first (%s stop). A running agent itself sets aside what it cannot read, "+
		"tries what is stuck once a day, and clears up at its start", err, t.brand.Use)
}

func (a *fsckAnswer) check(ctx context.Context, box openedBox, errOut io.Writer, repair bool) error {
	p := newProgress(errOut, box.Name)
	defer p.end()
	report := fsckBox{Box: box.Name, Dir: box.Dir(), Findings: []fsckFinding{}}
	check := box.Fsck
	if repair {
		check = box.Repair
	}
	found, err := check(ctx, func(done, total int) {
		report.Records = total
		p.at(done, total)
	})
	if err != nil {
		return err
	}
	for _, f := range found {
		a.count(f)
		report.Findings = append(report.Findings, newFsckFinding(f))
	}
	a.Boxes = append(a.Boxes, report)
	return nil
}

func (a *fsckAnswer) count(f outbox.Finding) {
	a.Findings++
	if f.Repair != "" && !f.Repaired {
		a.Repairable++
	}
	if f.Repaired {
		a.Repaired++
	}
}

func newFsckFinding(f outbox.Finding) fsckFinding {
	out := fsckFinding{
		Kind: string(f.Kind), File: f.File, Other: f.Other, What: f.What, Repair: f.Repair, Keeps: f.Keeps, Repaired: f.Repaired,
	}
	if f.Failure != nil {
		out.Error = f.Failure.Error()
	}
	return out
}

func (a fsckAnswer) print(out io.Writer, asJSON bool, program string, repair bool) error {
	if asJSON {
		return json.NewEncoder(out).Encode(a)
	}
	var lines []string
	for _, box := range a.Boxes {
		found := "nothing found"
		if n := len(box.Findings); n > 0 {
			found = counted(n, "finding")
		}
		lines = append(lines, fmt.Sprintf("%s (%s): %s, %s", box.Box, visible(box.Dir), counted(box.Records, "record"), found))
		for _, f := range box.Findings {
			lines = append(lines, f.lines()...)
		}
	}
	if a.Repairable > 0 && !repair {
		lines = append(lines, fmt.Sprintf("%d of %s can be repaired: %s outbox fsck --repair, with the agent stopped",
			a.Repairable, counted(a.Findings, "finding"), program))
	}
	if a.Repaired > 0 {
		lines = append(lines, fmt.Sprintf("%s repaired, %d left", counted(a.Repaired, "finding"), a.Findings-a.Repaired))
	}
	if len(lines) == 0 {
		return nil
	}
	_, err := fmt.Fprintln(out, strings.Join(lines, "\n"))
	return err
}

func (f fsckFinding) lines() []string {
	lines := []string{fmt.Sprintf("  %s: %s", f.Kind, visible(f.File)), "      " + visible(f.What)}
	switch {
	case f.Error != "":
		lines = append(lines, "      not repaired: "+visible(f.Error))
	case f.Repaired:
		lines = append(lines, "      repaired: "+visible(f.Repair))
	case f.Repair != "":
		lines = append(lines, fmt.Sprintf("      repair: %s (nothing is lost: %s)", visible(f.Repair), visible(f.Keeps)))
	}
	return lines
}
