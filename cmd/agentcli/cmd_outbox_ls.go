package agentcli

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/kanade-go/kanade/outbox"
)

type outboxListOptions struct {
	outboxOptions
	stuck bool
	long  bool
	limit int
}

func (t tree) outboxListCommand() *cobra.Command {
	var opts outboxListOptions
	cmd := &cobra.Command{
		Use:   "ls",
		Short: "List what waits for the broker",
		Long: `Lists the records of the outboxes, in each the oldest first. With --long it reads
every file and shows subject and message ID besides.

With --json each record is a line of its own, an object with the keys box, name,
file, size (bytes), queued (time) and stuck; for stuck ones reason (when, kind,
why, attempts), or reason_error; with --long record (the record's name), subject,
msg_id, or unreadable. A list that could not be ended has a last line with error and
exit_code.`,
		Example: t.examples("outbox ls", "outbox ls --box results --stuck", "outbox ls --long --json --limit 100"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if opts.limit < 0 {
				return usageError(cmd, fmt.Errorf("--limit %d is negative", opts.limit))
			}
			return t.outboxList(cmd.OutOrStdout(), cmd.ErrOrStderr(), opts)
		},
	}
	opts.addFlags(cmd, "as one JSON object a line")
	cmd.Flags().BoolVar(&opts.stuck, "stuck", false, "only what is in quarantine")
	cmd.Flags().BoolVarP(&opts.long, "long", "l", false, "read the files: record, subject and message ID")
	cmd.Flags().IntVar(&opts.limit, "limit", 0, "at most this `number` of records of each box; 0: all")
	return cmd
}

func (t tree) outboxList(out, errOut io.Writer, opts outboxListOptions) error {
	found, err := t.openBoxes(opts.outboxOptions)
	if err != nil {
		return err
	}
	l := &lister{outboxListOptions: opts, out: out, errOut: errOut, now: time.Now()}
	l.begin()
	for _, box := range found.boxes {
		if err := l.list(box); err != nil {
			return inLines(withAccessHint(err, box.Dir()))
		}
	}
	return l.end(found)
}

// listedRecord is one line of ls --json.
type listedRecord struct {
	Box         string         `json:"box"`
	Name        string         `json:"name"`
	File        string         `json:"file"`
	Size        int64          `json:"size"`
	Queued      time.Time      `json:"queued"`
	Stuck       bool           `json:"stuck"`
	Reason      *outbox.Reason `json:"reason,omitempty"`
	ReasonError string         `json:"reason_error,omitempty"`
	Record      string         `json:"record,omitempty"`
	Subject     string         `json:"subject,omitempty"`
	MsgID       string         `json:"msg_id,omitempty"`
	Unreadable  string         `json:"unreadable,omitempty"`
}

type lister struct {
	outboxListOptions
	out, errOut io.Writer
	now         time.Time
	table       *tabwriter.Writer
	rows        int
	sums        []string // a line for each box
}

const listHead = "BOX\tNAME\tAGE\tSIZE\tSTATE\tNOTE"

func (l *lister) begin() {
	l.table = tabwriter.NewWriter(l.out, 0, 0, 2, ' ', 0)
}

func (l *lister) list(box openedBox) error {
	entries, err := box.List()
	if err != nil {
		return err
	}
	sum := summary{box: box.Name}
	var shown []outbox.Entry
	for _, e := range entries {
		sum.count(e)
		if e.Stuck || !l.stuck {
			shown = append(shown, e)
		}
	}
	if l.limit > 0 && len(shown) > l.limit {
		sum.hidden = len(shown) - l.limit
		shown = shown[:l.limit]
	}
	l.sums = append(l.sums, sum.String())
	p := newProgress(l.errOut, box.Name)
	defer p.end()
	for i, e := range shown {
		if err := l.record(box, e); err != nil {
			return err
		}
		p.at(i+1, len(shown))
	}
	return nil
}

func (l *lister) record(box openedBox, e outbox.Entry) error {
	r := listedRecord{Box: box.Name, Name: e.Name, File: e.File, Size: e.Size, Queued: inJSON(e.ModTime), Stuck: e.Stuck}
	if why, err := box.Reason(e); err != nil {
		r.ReasonError = err.Error()
	} else {
		r.Reason = why
	}
	if l.long {
		r.read(box, e)
	}
	if l.asJSON {
		return json.NewEncoder(l.out).Encode(r)
	}
	return l.row(r)
}

// read takes from the file what only the file says.
func (r *listedRecord) read(box openedBox, e outbox.Entry) {
	d, err := box.Detail(e)
	if err == nil {
		err = d.Unreadable
	}
	if err != nil {
		r.Unreadable = err.Error()
		return
	}
	r.Record, r.Subject, r.MsgID = d.Record.Name, d.Record.Subject, d.Record.MsgID
}

func (l *lister) row(r listedRecord) error {
	if l.rows++; l.rows == 1 {
		if _, err := fmt.Fprintln(l.table, listHead); err != nil {
			return err
		}
	}
	state := "pending"
	if r.Stuck {
		state = "stuck"
	}
	_, err := fmt.Fprintf(l.table, "%s\t%s\t%s\t%s\t%s\t%s\n",
		r.Box, visible(r.Name), age(l.now.Sub(r.Queued)), size(r.Size), state, r.note())
	return err
}

// mostNote is how much of an error a table shows.
const mostNote = 100

func (r listedRecord) note() string {
	var parts []string
	if r.Record != "" && r.Record != r.Name {
		parts = append(parts, "record "+visible(r.Record))
	}
	if r.Subject != "" {
		parts = append(parts, visible(r.Subject), "id "+visible(r.MsgID))
	}
	if r.Unreadable != "" {
		parts = append(parts, "unreadable: "+visible(shortened(r.Unreadable, mostNote)))
	}
	switch {
	case r.Reason != nil:
		parts = append(parts, visible(shortened(reasonLine(*r.Reason), mostNote)))
	case r.ReasonError != "":
		parts = append(parts, "its reason cannot be read")
	case r.Stuck:
		parts = append(parts, "no reason beside it")
	}
	return strings.Join(parts, ", ")
}

func reasonLine(r outbox.Reason) string {
	after := ""
	if r.Attempts > 0 {
		after = " after " + counted(r.Attempts, "attempt")
	}
	return fmt.Sprintf("%s%s: %s", r.Kind, after, r.Why)
}

func (l *lister) end(found *opened) error {
	if l.asJSON {
		return nil
	}
	if err := l.table.Flush(); err != nil {
		return err
	}
	if l.rows > 0 {
		l.sums = append([]string{""}, l.sums...)
	}
	for _, name := range found.missing {
		l.sums = append(l.sums, name+": empty, no agent has made its folder yet")
	}
	_, err := fmt.Fprintln(l.out, strings.Join(l.sums, "\n"))
	return err
}

// summary is the last word on a box.
type summary struct {
	box            string
	records, stuck int
	bytes          int64
	hidden         int
}

func (s *summary) count(e outbox.Entry) {
	s.records++
	s.bytes += e.Size
	if e.Stuck {
		s.stuck++
	}
}

func (s summary) String() string {
	if s.records == 0 {
		return s.box + ": empty, nothing waits for the broker"
	}
	text := fmt.Sprintf("%s: %s, %s, %d stuck", s.box, counted(s.records, "record"), size(s.bytes), s.stuck)
	if s.hidden > 0 {
		text += fmt.Sprintf(" (%d more than shown)", s.hidden)
	}
	return text
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// inJSON is a time that JSON can hold: files can have years that it cannot.
func inJSON(t time.Time) time.Time {
	t = t.UTC()
	if year := t.Year(); year < 0 || year > 9999 {
		return time.Date(min(max(year, 0), 9999), 1, 1, 0, 0, 0, 0, time.UTC)
	}
	return t
}

// age is a duration in its largest unit. Times that are further apart than a
// [time.Duration] reaches come here as the longest one.
func age(d time.Duration) string {
	switch {
	case d < time.Second:
		return "0s"
	case d < time.Minute:
		return fmt.Sprintf("%ds", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%dm", d/time.Minute)
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh", d/time.Hour)
	case d < 2*year:
		return fmt.Sprintf("%dd", d/day)
	case d == math.MaxInt64:
		return fmt.Sprintf("over %dy", d/year)
	}
	return fmt.Sprintf("%dy", d/year)
}

const (
	day  = 24 * time.Hour
	year = 365 * day
)

// size is a number of bytes in a unit with at most four digits.
func size(n int64) string {
	if n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	value, unit := float64(n)/1024, "KiB"
	for _, larger := range []string{"MiB", "GiB", "TiB", "PiB", "EiB"} {
		if value < 1023.95 { // what is rounded to 1024.0
			break
		}
		value, unit = value/1024, larger
	}
	return fmt.Sprintf("%.1f %s", value, unit)
}
