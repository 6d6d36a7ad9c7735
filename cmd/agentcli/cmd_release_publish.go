package agentcli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"github.com/kanade-go/kanade/agent"
)

type publishOptions struct {
	runOptions
	manifest string
	version  string // of a release without a manifest
	replace  bool
}

func (t tree) publishCommand() *cobra.Command {
	opts := publishOptions{runOptions: runOptions{flags: flagValues{}}}
	cmd := &cobra.Command{
		Use:   "publish <executable>",
		Short: "Upload a release, with its manifest, to the broker",
		Long: `Puts the executable into the object store agent_releases, as
<version>-<os>-<arch>, with the manifest as its metadata. Hosts take it when their
settings want that version (target_version). Broker and credentials are given as
for run; a broker that does not answer is tried for 30 seconds.

A release without a manifest needs --unsigned-version; only hosts without keys, or
with --update any, take it.`,
		Example: t.examples("release publish ./kanade-agent --nats-url nats://broker:4222 --token-file ./admin-token",
			"release publish kanade-agent.exe --unsigned-version 1.4.0 --nats-url nats://broker:4222"),
		Args: oneExecutable,
		RunE: func(cmd *cobra.Command, args []string) error {
			waiting := newPatience(cmd.ErrOrStderr(), "publishing")
			defer waiting.end()
			out, log := waiting.over(cmd.OutOrStdout()), agent.WithLogger(waiting.log(cmd.ErrOrStderr()))
			return t.publishRelease(cmd.Context(), out, args[0], opts, log)
		},
	}
	opts.addFlags(cmd)
	cmd.Flags().StringVar(&opts.manifest, "manifest", "", "`file` with the manifest; default: <executable>"+manifestSuffix)
	cmd.Flags().StringVar(&opts.version, "unsigned-version", "", "`version` of a release that has no manifest")
	cmd.Flags().BoolVar(&opts.replace, "replace", false, "replace another file of that version")
	return cmd
}

func (t tree) publishRelease(ctx context.Context, out io.Writer, executable string, opts publishOptions, log agent.Option) error {
	upload, err := opts.upload(executable, t.brand.Use)
	if err != nil {
		return err
	}
	found, err := load(opts.flags, t.around)
	if err != nil {
		return err
	}
	found.config.Version = t.brand.Version
	config, options := found.identified()
	object, err := agent.PublishRelease(ctx, config, upload, slices.Concat([]agent.Option{log}, options, t.options)...)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%s is published; it is taken where target_version is %q\n", object, upload.Release.Version)
	return err
}

func (o publishOptions) upload(executable, name string) (agent.ReleaseUpload, error) {
	u := agent.ReleaseUpload{Executable: executable, Replace: o.replace}
	var err error
	if o.version == "" {
		u.Manifest, u.Release, err = readManifest(executable, o.manifest, nil)
		return u, err
	}
	if o.manifest != "" {
		return u, errors.New("--manifest and --unsigned-version exclude each other")
	}
	if u.Release, err = agent.DescribeRelease(executable); err == nil {
		err = sameVersion(executable, u.Release.Version, o.version)
		u.Release.Name, u.Release.Version = name, o.version
	}
	return u, err
}
