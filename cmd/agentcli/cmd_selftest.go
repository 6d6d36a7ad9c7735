package agentcli

import (
	"context"
	"encoding/json"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"github.com/kanade-go/kanade/agent"
)

const selfTestVerb = "selftest"

func (t tree) selfTestCommand() *cobra.Command {
	opts := runOptions{flags: flagValues{}}
	cmd := &cobra.Command{
		Use:   selfTestVerb,
		Short: "Prove that this program could run here: connect, read the settings, say so",
		Long: `Reads the configuration that run would have, connects to the broker, reads the
settings there, and prints one JSON object: name, version, os, arch, connected,
settings. It changes nothing and works beside a running agent, which starts a new
release this way before it takes it. A broker that does not answer is tried for 30
seconds.

Exit codes: 0 it could run here, 1 it could not.`,
		Example: t.examples("selftest", "selftest --config ./agent.toml"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			waiting := newPatience(cmd.ErrOrStderr(), "connecting")
			defer waiting.end()
			return t.selfTest(cmd.Context(), waiting.over(cmd.OutOrStdout()), opts, agent.WithLogger(waiting.log(cmd.ErrOrStderr())))
		},
	}
	opts.addFlags(cmd)
	return cmd
}

func (t tree) selfTest(ctx context.Context, out io.Writer, opts runOptions, log agent.Option) error {
	around := t.around.remembering()
	found, err := load(opts.flags, around)
	if err != nil {
		return err
	}
	if err := found.checkDataDir(around.dirs.data); err != nil {
		return err
	}
	found.config.Version = t.brand.Version
	if _, err := updaterOf(found.config.Update, around.dirs, t.brand); err != nil {
		return err
	}
	config, options := found.identified()
	report, err := agent.SelfTest(ctx, config, slices.Concat([]agent.Option{log}, options, t.options)...)
	report.Name = t.brand.Use
	if encodeErr := json.NewEncoder(out).Encode(report); encodeErr != nil && err == nil {
		err = encodeErr
	}
	return err
}
