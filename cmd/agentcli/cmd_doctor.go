package agentcli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kanade-go/kanade/agent"
)

// doctorOptions are what the verb doctor was given.
type doctorOptions struct {
	flags   flagValues
	asJSON  bool
	verbose bool
}

func (t tree) doctorCommand() *cobra.Command {
	shared := runOptions{flags: flagValues{}}
	opts := doctorOptions{flags: shared.flags}
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Find out whether this host is fit for the agent, and what to do if not",
		Long: `Looks at everything that an agent needs, with the configuration that run would
have: the configuration itself; the service and what its manager does when it
fails; which releases replace the program; the state folder (write, sync, rename,
free space) and the log's; whether a script that
was staged as a file can still be read a moment later, after the virus scanner;
the shells, and the language mode of PowerShell; each server and the credentials;
every subject that the agent uses, with a block for the broker's configuration
that allows those that are missing; the clocks; streams and buckets.

Each line is OK, WARN (it works, but worse, or that cannot be told) or FAIL, with
what to do. It works beside a running agent and without one, takes some seconds
(up to ten for each server that does not answer), leaves nothing behind and
publishes nothing that anybody could take for data. Rights that only a real message
could prove are judged from what the broker says of the user, who needs the right
to publish $SYS.REQ.USER.INFO for that.

Run it as the user that the agent runs as: folders and files are judged with the
rights of who runs it.

With --json: one object with the keys healthy, ok, warnings, failures (numbers) and
findings: objects with check, level (ok, warn, fail), text and, where there is one,
subject, advice and block.

Exit codes: 0 no FAIL, 5 at least one FAIL, 1 it could not look.`,
		Example: t.examples("doctor", "doctor --verbose", "doctor --config ./agent.toml --json"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return t.doctor(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr(), opts)
		},
	}
	shared.addFlags(cmd)
	cmd.Flags().BoolVar(&opts.asJSON, "json", false, "as one JSON object")
	cmd.Flags().BoolVar(&opts.verbose, "verbose", false, "a line for each subject that is allowed, too")
	return cmd
}

// doctorAnswer is the answer of doctor --json.
type doctorAnswer struct {
	Healthy  bool            `json:"healthy"`
	OK       int             `json:"ok"`
	Warnings int             `json:"warnings"`
	Failures int             `json:"failures"`
	Findings []agent.Finding `json:"findings"`
}

func (a *doctorAnswer) add(f agent.Finding) {
	a.Findings = append(a.Findings, f)
	switch f.Level {
	case agent.FindingOK:
		a.OK++
	case agent.FindingWarn:
		a.Warnings++
	default:
		a.Failures++
	}
	a.Healthy = a.Failures == 0
}

func (t tree) doctor(ctx context.Context, out, errOut io.Writer, opts doctorOptions) error {
	safe := safeOutput(out)
	answer := doctorAnswer{Healthy: true, Findings: []agent.Finding{}}
	page := &doctorPage{out: safe, verbose: opts.verbose, silent: opts.asJSON, patience: newPatience(errOut, "looking")}
	err := t.examine(ctx, opts.flags, func(f agent.Finding) error {
		answer.add(f)
		return page.show(f)
	})
	page.patience.end()
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return errors.Join(err, safe.Close())
	}
	if opts.asJSON {
		err = json.NewEncoder(safe).Encode(answer)
	} else {
		err = page.sum(answer)
	}
	if err := errors.Join(err, safe.Close()); err != nil {
		return err
	}
	if !answer.Healthy {
		return &exitError{code: ExitFindings} // the answer was printed
	}
	return nil
}

// examine hands on what is found; an error of tell ends it.
func (t tree) examine(ctx context.Context, flags flagValues, tell func(agent.Finding) error) error {
	found, wrong := t.checked(flags)
	for _, p := range append(slices.Clone(wrong), found.warnings...) {
		if err := tell(configFinding(p)); err != nil {
			return err
		}
	}
	for _, f := range t.serviceFindings(ctx) {
		if err := tell(f); err != nil {
			return err
		}
	}
	if len(wrong) > 0 {
		return tell(agent.Finding{
			Check: "configuration", Level: agent.FindingFail, Text: "nothing else was looked at: an agent would not start", Advice: "correct what config check says, then run doctor again",
		})
	}
	if err := tell(agent.Finding{Check: "configuration", Level: agent.FindingOK, Text: "read from " + whence(found)}); err != nil {
		return err
	}
	if err := tell(t.updateFinding(found.config.Update)); err != nil {
		return err
	}
	for _, name := range secretVariables { // the shells that are tried inherit none
		if err := t.unsetenv(name); err != nil {
			return err
		}
	}
	config, options := found.identified()
	config.Version = t.brand.Version
	options = append(options, agent.WithSharedStateDir()) // checked has judged it
	for f := range t.diagnose(ctx, config, append(options, t.options...)...) {
		if err := tell(f); err != nil {
			return err
		}
	}
	return nil
}

// updateFinding says who can put another program in this one's place.
func (t tree) updateFinding(c updateConfig) agent.Finding {
	f := agent.Finding{Check: "updates", Level: agent.FindingOK, Text: "the program does not replace itself"}
	u, err := updaterOf(c, t.around.dirs, t.brand)
	switch {
	case err != nil: // checked has told it
	case u == nil:
	case u.AllowUnsigned || len(u.Keys) == 0:
		f.Level, f.Text = agent.FindingWarn, "releases without a signature are taken: whoever may write to the broker's store of releases runs programs here"
		f.Advice = "make a key with: " + t.brand.Use + " release keygen, and put its public part (*.pub) into " + c.folder(t.around.dirs)
	default:
		f.Text = "signed releases are taken, " + counted(len(u.Keys), "public key") + " in " + c.folder(t.around.dirs)
	}
	return f
}

func whence(found loaded) string {
	if len(found.files) == 0 {
		return "flags and variables"
	}
	return strings.Join(found.files, ", ")
}

func configFinding(p problem) agent.Finding {
	f := agent.Finding{Check: "configuration", Level: agent.FindingFail, Text: p.Error(), Advice: "correct it"}
	switch {
	case p.Warning:
		f.Level, f.Advice = agent.FindingWarn, "remove it, or correct it"
	case errors.Is(p, fs.ErrPermission):
		f.Advice = "run this as the user that the agent runs as, or as " + administrator
	case errors.Is(p, fs.ErrNotExist):
		f.Advice = "correct the path, or make what it names"
	}
	return f
}

// doctorPage prints findings as they come.
type doctorPage struct {
	out      io.Writer
	verbose  bool
	silent   bool
	patience *patience
	allowed  int // permissions that are fine
}

var levelWords = map[string]string{agent.FindingOK: "OK  ", agent.FindingWarn: "WARN", agent.FindingFail: "FAIL"}

func (p *doctorPage) show(f agent.Finding) error {
	if p.silent {
		return nil
	}
	if f.Check == "permission" && f.Level == agent.FindingOK && !p.verbose {
		p.allowed++
		return nil
	}
	text := f.Text
	if f.Subject != "" {
		text = f.Subject + ": " + text
	}
	if f.Check == "permissions" && p.allowed > 0 {
		text += fmt.Sprintf("; %d of those that the agent uses are allowed", p.allowed)
	}
	lines := []string{fmt.Sprintf("%s  %s: %s", levelWords[f.Level], f.Check, visible(text))}
	if f.Advice != "" {
		lines = append(lines, "      what to do: "+visible(f.Advice))
	}
	for line := range strings.SplitSeq(f.Block, "\n") {
		if line != "" {
			lines = append(lines, "        "+visible(line))
		}
	}
	return p.patience.print(p.out, strings.Join(lines, "\n")+"\n")
}

func (p *doctorPage) sum(a doctorAnswer) error {
	_, err := fmt.Fprintf(p.out, "\n%d OK, %s, %s\n", a.OK, counted(a.Warnings, "warning"), counted(a.Failures, "failure"))
	return err
}
