package agentcli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kanade-go/kanade/outbox"
)

func (t tree) outboxShowCommand() *cobra.Command {
	var opts outboxOptions
	var raw bool
	cmd := &cobra.Command{
		Use:   "show <name>",
		Short: "Show one record",
		Long: `Shows what is known of a record, and the beginning of its payload. The name is
that of the record or of its file, as in ls; stuck/<file> is the one in
quarantine where there are two.

With --json the record is one JSON object, with the keys of export and the whole
payload. With --raw it is the file, byte for byte; only on a terminal are control
characters replaced.`,
		Example: t.examples("outbox show req-17", "outbox show --box results stuck/req-17.json --json", "outbox show req-17 --raw >req-17.json"),
		Args:    oneName,
		RunE: func(cmd *cobra.Command, args []string) error {
			if raw && opts.asJSON {
				return usageError(cmd, errors.New("--raw and --json exclude each other"))
			}
			return t.outboxShow(cmd.OutOrStdout(), opts, args[0], raw)
		},
	}
	opts.addFlags(cmd, "as one JSON object")
	cmd.Flags().BoolVar(&raw, "raw", false, "the file as it is")
	return cmd
}

func oneName(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usageError(cmd, fmt.Errorf("%s takes the name of one record", cmd.Name()))
	}
	return nil
}

func (t tree) outboxShow(out io.Writer, opts outboxOptions, name string, raw bool) error {
	found, err := t.openBoxes(opts)
	if err != nil {
		return err
	}
	matches, err := found.find(name)
	if err != nil {
		return err
	}
	m, err := only(name, matches)
	if err != nil {
		return err
	}
	safe := safeOutput(out)
	switch {
	case raw:
		err = m.copyFile(safe)
	case opts.asJSON:
		err = m.box.Export(safe, m.box.Name, m.entry)
	default:
		err = m.show(out, time.Now())
	}
	return withAccessHint(errors.Join(err, safe.Close()), m.box.Dir())
}

func (m match) copyFile(out io.Writer) error {
	f, err := m.box.Open(m.entry)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, f)
	return errors.Join(err, f.Close())
}

// show writes for a person.
func (m match) show(out io.Writer, now time.Time) error {
	d, err := m.box.Detail(m.entry)
	if err != nil {
		return err
	}
	lines := []string{
		"box:      " + m.box.Name,
		"file:     " + visible(filepath.Join(m.box.Dir(), filepath.FromSlash(m.entry.File))),
		"record:   " + visible(d.Record.Name),
		"state:    " + stateLine(m.entry, d),
		fmt.Sprintf("queued:   %s (%s ago)", d.Record.Queued.UTC().Format(time.RFC3339), age(now.Sub(d.Record.Queued))),
		"size:     " + size(m.entry.Size),
	}
	if d.Unreadable != nil {
		lines = append(lines, "content:  no record: "+visible(d.Unreadable.Error()))
	} else {
		lines = append(lines, "subject:  "+visible(d.Record.Subject), "message:  "+visible(d.Record.MsgID))
	}
	for _, key := range slices.Sorted(maps.Keys(d.Record.Header)) {
		lines = append(lines, "header:   "+visible(key+": "+strings.Join(d.Record.Header[key], ", ")))
	}
	if _, err := fmt.Fprintln(out, strings.Join(lines, "\n")); err != nil {
		return err
	}
	return m.showPayload(out)
}

func stateLine(e outbox.Entry, d outbox.Detail) string {
	switch {
	case !e.Stuck:
		return "pending"
	case d.Reason != nil:
		return fmt.Sprintf("stuck since %s, %s", d.Reason.When.UTC().Format(time.RFC3339), visible(reasonLine(*d.Reason)))
	case d.ReasonError != nil:
		return "stuck; its reason cannot be read"
	}
	return "stuck; no reason beside it"
}

// mostPayload is how much of a payload a person is shown.
const mostPayload = 16 << 10

// beginning keeps the first bytes of what is written to it.
type beginning struct {
	kept bytes.Buffer
	size int64
	most int
}

func (b *beginning) Write(p []byte) (int, error) {
	b.size += int64(len(p))
	b.kept.Write(p[:min(len(p), b.most-b.kept.Len())])
	return len(p), nil
}

func (m match) showPayload(out io.Writer) error {
	payload := beginning{most: mostPayload}
	if err := m.box.WritePayload(&payload, m.entry); err != nil {
		return err
	}
	rest := payload.size - int64(payload.kept.Len())
	text := payload.kept.Bytes()
	var indented bytes.Buffer
	if rest == 0 && json.Indent(&indented, bytes.TrimSpace(text), "", "  ") == nil {
		text = indented.Bytes()
	}
	if _, err := fmt.Fprintf(out, "payload:  %s\n", size(payload.size)); err != nil {
		return err
	}
	safe := newVisibleWriter(out)
	_, err := safe.Write(append(bytes.TrimRight(text, "\n"), '\n'))
	if err = errors.Join(err, safe.Close()); err != nil || rest == 0 {
		return err
	}
	_, err = fmt.Fprintf(out, "(%s more; --raw has all)\n", size(rest))
	return err
}
