package agentcli

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"github.com/kanade-go/kanade/outbox"
)

type outboxExportOptions struct {
	outboxOptions
	stuck bool
	force bool
	file  string
	dir   string
}

func (t tree) outboxExportCommand() *cobra.Command {
	var opts outboxExportOptions
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Copy what waits for the broker to somewhere else",
		Long: `Writes every record as a line of JSON, to standard output or to a file (0600): an
object with the keys box, name, file, size, queued, stuck, reason, subject,
msg_id, headers, unreadable (why the file is no record), and payload, or
payload_base64 where that is not JSON. With --dir it copies the files instead, as
they are, to <dir>/<box>/ and <dir>/<box>/stuck/.

The outboxes stay as they are. No file is overwritten without --force. With --json
a summary in one JSON object is printed after an export to a file or folder.`,
		Example: t.examples("outbox export >records.ndjson", "outbox export --stuck -o stuck.ndjson", "outbox export --box results --dir /root/results"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if opts.file != "" && opts.dir != "" {
				return usageError(cmd, errors.New("--output and --dir exclude each other"))
			}
			return t.outboxExport(cmd.OutOrStdout(), cmd.ErrOrStderr(), opts)
		},
	}
	opts.addFlags(cmd, "the summary as one JSON object")
	cmd.Flags().BoolVar(&opts.stuck, "stuck", false, "only what is in quarantine")
	cmd.Flags().StringVarP(&opts.file, "output", "o", "", "`file` to write instead of standard output")
	cmd.Flags().StringVar(&opts.dir, "dir", "", "`folder` to copy the files to")
	cmd.Flags().BoolVar(&opts.force, "force", false, "overwrite files")
	return cmd
}

// exportSummary is the answer of export --json.
type exportSummary struct {
	Exported int    `json:"exported"`
	Gone     int    `json:"gone"` // delivered meanwhile
	To       string `json:"to"`
}

func (t tree) outboxExport(out, errOut io.Writer, opts outboxExportOptions) error {
	found, err := t.openBoxes(opts.outboxOptions)
	if err != nil {
		return err
	}
	x := &exporter{outboxExportOptions: opts, errOut: errOut, out: out}
	switch {
	case opts.dir != "":
		err = x.toFolder(found)
	case opts.file != "" && opts.file != "-":
		err = x.toFile(found)
	default:
		return x.toOutput(found)
	}
	if err != nil {
		return err
	}
	if opts.asJSON {
		return json.NewEncoder(out).Encode(x.sum)
	}
	_, err = fmt.Fprintf(out, "%s exported to %s\n", counted(x.sum.Exported, "record"), visible(x.sum.To))
	return err
}

type exporter struct {
	outboxExportOptions
	out, errOut io.Writer
	sum         exportSummary
}

// each calls do with every record; one that is delivered meanwhile is passed
// over.
func (x *exporter) each(found *opened, do func(match) error) error {
	for _, box := range found.boxes {
		entries, err := box.List()
		if err != nil {
			return withAccessHint(err, box.Dir())
		}
		if err := x.eachOf(box, entries, do); err != nil {
			return withAccessHint(err, box.Dir())
		}
	}
	return nil
}

func (x *exporter) eachOf(box openedBox, entries []outbox.Entry, do func(match) error) error {
	p := newProgress(x.errOut, box.Name)
	defer p.end()
	for i, e := range entries {
		if x.stuck && !e.Stuck {
			continue
		}
		err := do(match{box, e})
		switch {
		case errors.Is(err, errGone):
			x.sum.Gone++
		case err != nil:
			return err
		default:
			x.sum.Exported++
		}
		p.at(i+1, len(entries))
	}
	return nil
}

// errGone: the record is not there any more.
var errGone = errors.New("gone")

func gone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return errGone
	}
	return err
}

func (x *exporter) lines(found *opened, out io.Writer) error {
	return x.each(found, func(m match) error { return gone(m.box.Export(out, m.box.Name, m.entry)) })
}

func (x *exporter) toOutput(found *opened) error {
	safe := safeOutput(x.out)
	buffered := bufio.NewWriter(safe)
	err := x.lines(found, buffered)
	if err == nil {
		err = buffered.Flush()
	}
	return inLines(errors.Join(err, safe.Close()))
}

func (x *exporter) toFile(found *opened) error {
	name, err := x.target(found, x.file)
	if err != nil {
		return err
	}
	x.sum.To = name
	return x.write(name, func(f *os.File) error {
		buffered := bufio.NewWriter(f)
		return errors.Join(x.lines(found, buffered), buffered.Flush())
	})
}
