package agentcli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// diagOptions are what the verb diag was given.
type diagOptions struct {
	flags  flagValues
	out    string
	asJSON bool
}

func (t tree) diagCommand() *cobra.Command {
	shared := runOptions{flags: flagValues{}}
	opts := diagOptions{flags: shared.flags}
	cmd := &cobra.Command{
		Use:   "diag",
		Short: "Collect what support needs to know of this host, without secrets, in one file",
		Long: `Writes one zip file for whoever is to find out what is wrong with this agent. It
works beside a running agent and without one, needs no broker, and sends nothing.
Its files:

  versions.json      of the program and of what it was built from
  config.json        the settings in force and where each comes from; where the
                     configuration is wrong, but not what stands there
  status.json        what status says, of an agent that ended without a stop its last
  updates.json       phase, last update and rollback, releases that are not tried again
  ledger.json        how many commands stand where
  boxes.json         what waits to be delivered, what is stuck and why
  folders.json       the disks, and the sizes in the state folder
  environment.json   the names of variables, not their values
  findings.json      what doctor finds without trying anything
  log.txt            the end of the log file, 1 MiB at most
  goroutines.txt     what the parts of a running agent do at this moment
  summary.json       this list, with what is missing and why

Secrets are left out by what is collected: never a credential, a value of a variable,
a script, its environment or its output. On top of that each file is searched for the
secrets that this host has (those of the configuration, of the files that it names,
and of variables whose names say so) and for what looks like one; what is found is
replaced by [redacted]. Host names, addresses, user names and job names are in it.

What it cannot have: lines that went to standard output only (see journalctl); the
goroutines of an agent that hangs as a whole, or if this user may not write into the
state folder. At most 16 MiB are packed. The file can be read by its owner only, and
none is overwritten.

With --json: one object with the keys file, bytes, and sections: objects with name,
bytes and, where there is something to say, error.

Exit codes: 0 it was written (sections may be missing), 1 it was not.`,
		Example: t.examples("diag", "diag --out /tmp/host.zip", "diag --json --config ./agent.toml"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return t.diag(cmd.Context(), cmd.OutOrStdout(), opts)
		},
	}
	shared.addFlags(cmd)
	cmd.Flags().StringVar(&opts.out, "out", "", "`file` or folder to write to; default: a new file in the working directory")
	cmd.Flags().BoolVar(&opts.asJSON, "json", false, "say what was written as one JSON object")
	return cmd
}

// diagAnswer is the answer of diag --json; without File and Bytes, summary.json.
type diagAnswer struct {
	File     string        `json:"file,omitempty"`
	Bytes    int64         `json:"bytes,omitempty"` // of the file
	At       time.Time     `json:"at"`
	Sections []diagSection `json:"sections"`
}

type diagSection struct {
	Name  string `json:"name"`
	Bytes int    `json:"bytes"`           // before it is packed
	Error string `json:"error,omitempty"` // why it, or a part of it, is missing
}

func (t tree) diag(ctx context.Context, out io.Writer, opts diagOptions) error {
	d := t.newDiagnosis(opts.flags)
	path, err := opts.place(d.name())
	if err != nil {
		return err
	}
	file, err := createPrivate(path)
	if err != nil {
		return fmt.Errorf("diag: %w; --out names another place", err)
	}
	answer, err := d.write(ctx, file)
	err = errors.Join(err, ctx.Err())
	if info, statErr := file.Stat(); statErr == nil {
		answer.Bytes = info.Size()
	}
	if err := errors.Join(err, file.Close()); err != nil {
		return errors.Join(fmt.Errorf("diag: write %s: %w", path, err), os.Remove(path))
	}
	answer.File = path
	return safely(out, func(out io.Writer) error { return answer.print(out, opts.asJSON) })
}

// place is where to write; a folder gets a name in it.
func (o diagOptions) place(name string) (string, error) {
	path := name
	if o.out != "" {
		path = o.out
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		path = filepath.Join(path, name)
	}
	return filepath.Abs(path)
}

// name has the host's ID in it, as far as a file name may.
func (d *diagnosis) name() string {
	id := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '-' {
			return r
		}
		return '_'
	}, d.scrub.text(d.found.config.ID))
	return d.brand.Use + "-diag-" + id[:min(len(id), 64)] + "-" + d.now.UTC().Format("20060102T150405Z") + ".zip"
}

func (a diagAnswer) print(out io.Writer, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(out).Encode(a)
	}
	for _, s := range a.Sections {
		line := fmt.Sprintf("%-18s %s", s.Name, size(int64(s.Bytes)))
		if s.Error != "" {
			line += "  (" + visible(s.Error) + ")"
		}
		if _, err := fmt.Fprintln(out, line); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(out, "%s, %s: for whoever helps you; look into it before you send it\n", visible(a.File), size(a.Bytes))
	return err
}
