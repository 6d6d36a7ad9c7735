package agentcli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/spf13/cobra"

	"github.com/kanade-go/kanade/outbox"
)

func (t tree) outboxRequeueCommand() *cobra.Command {
	var opts outboxOptions
	var all bool
	cmd := &cobra.Command{
		Use:   "requeue <name>... | --all",
		Short: "Move stuck records back to the pending ones",
		Long: `Moves records out of quarantine, for a first try without waiting for the daily
one. A running agent finds them within a minute, a stopped one at its start. If
they are refused again they come back.

With --json the answer is one JSON object: requeued and pending (those that were
not stuck) are lists of objects with box, name and file; error and exit_code, if not
all could be moved.`,
		Example: t.examples("outbox requeue req-17", "outbox requeue --all --box results"),
		Args: func(cmd *cobra.Command, args []string) error {
			if all == (len(args) > 0) {
				return usageError(cmd, errors.New("requeue takes names of records, or --all"))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return t.outboxRequeue(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr(), opts, args)
		},
	}
	opts.addFlags(cmd, "as one JSON object")
	cmd.Flags().BoolVar(&all, "all", false, "every stuck record")
	return cmd
}

// requeued is the answer of requeue --json.
type requeued struct {
	Requeued []requeuedRecord `json:"requeued"`
	Pending  []requeuedRecord `json:"pending"`
	failure                   // of records that could not be moved
}

type requeuedRecord struct {
	Box  string `json:"box"`
	Name string `json:"name"`
	File string `json:"file"`
}

func (m match) asRequeued() requeuedRecord {
	return requeuedRecord{Box: m.box.Name, Name: m.entry.Name, File: m.entry.File}
}

func (t tree) outboxRequeue(ctx context.Context, out, errOut io.Writer, opts outboxOptions, names []string) error {
	found, err := t.openBoxes(opts)
	if err != nil {
		return err
	}
	answer := requeued{Requeued: []requeuedRecord{}, Pending: []requeuedRecord{}}
	todo, err := found.toRequeue(names, &answer)
	if err != nil {
		return err
	}
	p := newProgress(errOut, "requeue")
	err = requeueAll(ctx, todo, &answer, p.at)
	p.end()
	answer.failure = failed(err)
	return errors.Join(answer.print(out, opts.asJSON), err)
}

// toRequeue returns the stuck records that are meant: all, when there are no
// names. No record is moved unless every name is known.
func (o *opened) toRequeue(names []string, answer *requeued) ([]match, error) {
	if len(names) == 0 {
		return o.allStuck()
	}
	var todo []match
	for _, name := range names {
		found, err := o.find(name)
		if err != nil {
			return nil, err
		}
		stuck := stuckOnly(found)
		if len(stuck) == 0 {
			answer.Pending = append(answer.Pending, found[0].asRequeued())
			continue
		}
		m, err := only(name, stuck)
		if err != nil {
			return nil, err
		}
		todo = append(todo, m)
	}
	return todo, nil
}

func (o *opened) allStuck() ([]match, error) {
	var all []match
	for _, box := range o.boxes {
		entries, err := box.List()
		if err != nil {
			return nil, withAccessHint(err, box.Dir())
		}
		for _, e := range entries {
			all = append(all, match{box, e})
		}
	}
	return stuckOnly(all), nil
}

func stuckOnly(found []match) []match {
	var stuck []match
	for _, m := range found {
		if m.entry.Stuck {
			stuck = append(stuck, m)
		}
	}
	return stuck
}

// requeueBatch is how many records share the syncs of their folders.
const requeueBatch = 256

// requeueAll goes on after a record that cannot be moved.
func requeueAll(ctx context.Context, todo []match, answer *requeued, progress func(done, total int)) error {
	var errs []error
	for done := 0; done < len(todo); {
		box := todo[done].box
		var entries []outbox.Entry
		for _, m := range todo[done:min(len(todo), done+requeueBatch)] {
			if m.box.Dir() != box.Dir() {
				break
			}
			entries = append(entries, m.entry)
		}
		moved, err := box.Requeue(ctx, entries...)
		for _, m := range todo[done : done+moved] {
			answer.Requeued = append(answer.Requeued, m.asRequeued())
		}
		done += moved
		if err != nil {
			done++ // the one that failed
			if !errors.Is(err, fs.ErrNotExist) {
				errs = append(errs, withAccessHint(err, box.Dir()))
			}
			if ctx.Err() != nil {
				break
			}
		}
		progress(min(done, len(todo)), len(todo))
	}
	return errors.Join(errs...)
}

func (r requeued) print(out io.Writer, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(out).Encode(r)
	}
	const most = 20
	for i, m := range r.Requeued {
		if i == most {
			break
		}
		if _, err := fmt.Fprintf(out, "%s: %s requeued\n", m.Box, visible(m.Name)); err != nil {
			return err
		}
	}
	for _, m := range r.Pending {
		if _, err := fmt.Fprintf(out, "%s: %s is pending already\n", m.Box, visible(m.Name)); err != nil {
			return err
		}
	}
	if len(r.Requeued) == 0 {
		if len(r.Pending) > 0 {
			return nil
		}
		_, err := fmt.Fprintln(out, "nothing is stuck")
		return err
	}
	_, err := fmt.Fprintf(out, "%s requeued; a running agent finds them within a minute, a stopped one at its start\n",
		counted(len(r.Requeued), "record"))
	return err
}
