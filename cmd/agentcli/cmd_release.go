package agentcli

import (
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"github.com/kanade-go/kanade/agent"
)

// manifestSuffix ends the name of a manifest beside its executable.
const manifestSuffix = ".manifest.json"

func (t tree) releaseCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "release",
		Short: "Make keys, sign releases, check them, and publish them to the fleet",
		Long: `A release is an executable with a manifest beside it: name, version, system,
processor, SHA-256, size and the oldest version to go back to, signed with
Ed25519. Hosts that have a public key take signed releases only.

Keys change without a gap: put the new public key on the hosts beside the old one,
sign with both (--key twice), and remove the old one when all hosts have the new.
Hosts read their keys when the agent starts.`,
		Example: t.examples("release keygen --out fleet", "release sign ./kanade-agent --version 1.4.0 --key fleet.key",
			"release verify ./kanade-agent --key fleet.pub", "release publish ./kanade-agent --nats-url nats://broker:4222"),
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	for _, verb := range []*cobra.Command{t.keygenCommand(), t.signCommand(), t.verifyCommand(), t.publishCommand()} {
		verb.SilenceUsage, verb.SilenceErrors = true, true
		cmd.AddCommand(verb)
	}
	cmd.SuggestionsMinimumDistance = 2
	return cmd
}

func oneExecutable(cmd *cobra.Command, args []string) error {
	if len(args) == 1 {
		return nil
	}
	return usageError(cmd, fmt.Errorf("%s takes one executable, not %d", cmd.Name(), len(args)))
}

func (t tree) keygenCommand() *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use:   "keygen",
		Short: "Make a pair of keys",
		Long: `Writes a private key (PEM, 0600) to <out>.key and its public key to <out>.pub, and
prints the key's ID. No file is overwritten. The private key stays where releases
are made; the public one goes to the hosts, into the folder ` + releaseKeysFolder + ` beside the
configuration.`,
		Example: t.examples("release keygen --out fleet-2026"),
		Args:    noArguments,
		RunE:    func(cmd *cobra.Command, _ []string) error { return keygen(cmd.OutOrStdout(), out) },
	}
	cmd.Flags().StringVarP(&out, "out", "o", "release", "`path` of the keys, without .key and .pub")
	return cmd
}

func keygen(out io.Writer, path string) error {
	private, public, err := agent.NewReleaseKey()
	if err != nil {
		return err
	}
	key, err := agent.ReleasePublicKey(public)
	if err != nil {
		return err
	}
	for _, f := range []string{path + ".key", path + ".pub"} {
		if _, err := os.Lstat(f); err == nil {
			return fmt.Errorf("%s is there already; give another --out", f)
		} else if !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%w; give another --out", err)
		}
	}
	if err := writeInto(path+".key", private, createPrivate); err != nil {
		return err
	}
	if err := writeInto(path+".pub", public, createNew); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%s\n", agent.ReleaseKeyID(key))
	return err
}

func createNew(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
}

func writeInto(path string, data []byte, create func(string) (*os.File, error)) error {
	f, err := create(path)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}

type signOptions struct {
	release agent.Release
	keys    []string
	out     string
	force   bool
}

func (t tree) signCommand() *cobra.Command {
	opts := signOptions{}
	cmd := &cobra.Command{
		Use:   "sign <executable>",
		Short: "Write the signed manifest of a release",
		Long: `Writes <executable>` + manifestSuffix + `. Sign the executable itself (Authenticode) before: the
manifest holds the digest of the file as it is. System and processor are read from
the file. --version must be what the executable itself says it is (its verb
version): hosts refuse any other, and so does this verb where the file tells without
being started (releases for Linux and Windows do). --minimum-version is at most
--version.`,
		Example: t.examples("release sign ./kanade-agent --version 1.4.0 --key fleet.key",
			"release sign kanade-agent.exe --version 1.4.0 --minimum-version 1.2.0 --key old.key --key new.key"),
		Args: oneExecutable,
		RunE: func(cmd *cobra.Command, args []string) error {
			if opts.release.Version == "" || len(opts.keys) == 0 {
				return usageError(cmd, errors.New("sign needs --version and --key"))
			}
			return opts.sign(cmd.OutOrStdout(), args[0])
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&opts.release.Version, "version", "", "`version` that the executable reports")
	flags.StringArrayVar(&opts.keys, "key", nil, "`file` with a private key; repeat it to sign with several")
	flags.StringVar(&opts.release.MinimumVersion, "minimum-version", "", "oldest `version` that a host may go back to from this one")
	flags.StringVar(&opts.release.Name, "name", t.brand.Use, "`name` of the program")
	flags.StringVarP(&opts.out, "output", "o", "", "`file` for the manifest; default: <executable>"+manifestSuffix)
	flags.BoolVar(&opts.force, "force", false, "overwrite it")
	return cmd
}

func (o signOptions) sign(stdout io.Writer, executable string) error {
	r, err := agent.DescribeRelease(executable)
	if err != nil {
		return err
	}
	if err := sameVersion(executable, r.Version, o.release.Version); err != nil {
		return err
	}
	r.Name, r.Version, r.MinimumVersion = o.release.Name, o.release.Version, o.release.MinimumVersion
	var keys []ed25519.PrivateKey
	for _, path := range o.keys {
		pem, err := readBounded(path, agent.MaxReleaseKey)
		if err != nil {
			return err
		}
		key, err := agent.ReleasePrivateKey([]byte(pem))
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		keys = append(keys, key)
	}
	manifest, err := agent.SignRelease(r, keys...)
	if err != nil {
		return err
	}
	out := o.out
	if out == "" {
		out = executable + manifestSuffix
	}
	if err := o.write(out, manifest); err != nil {
		return err
	}
	_, err = fmt.Fprintf(stdout, "%s written: %s %s for %s-%s\n", out, r.Name, r.Version, r.OS, r.Arch)
	return err
}

// sameVersion refuses what every host would: a release is started, and says itself
// what it is. A file that does not tell without that may be any.
func sameVersion(executable, built, version string) error {
	if built == "" || built == version {
		return nil
	}
	return fmt.Errorf("%s was built as version %q, not %q: hosts refuse a release that calls itself something else", executable, built, version)
}

func (o signOptions) write(path string, manifest []byte) error {
	if o.force {
		return os.WriteFile(path, manifest, 0o644)
	}
	err := writeInto(path, manifest, createNew)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%w; --force overwrites it", err)
	}
	return err
}

type verifyOptions struct {
	keys     []string
	manifest string
	asJSON   bool
}

func (t tree) verifyCommand() *cobra.Command {
	var opts verifyOptions
	cmd := &cobra.Command{
		Use:   "verify <executable>",
		Short: "Check an executable against its signed manifest",
		Long: `Checks that a key given with --key has signed the manifest, and that the manifest
is about this very file.

Exit codes: 0 it is, 1 it is not, or a file cannot be read.`,
		Example: t.examples("release verify ./kanade-agent --key fleet.pub", "release verify kanade-agent.exe --key fleet.pub --json"),
		Args:    oneExecutable,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(opts.keys) == 0 {
				return usageError(cmd, errors.New("verify needs --key: without one anybody could have signed"))
			}
			return opts.verify(cmd.OutOrStdout(), args[0])
		},
	}
	cmd.Flags().StringArrayVar(&opts.keys, "key", nil, "`file` with a public key; repeat it for more")
	cmd.Flags().StringVar(&opts.manifest, "manifest", "", "`file` with the manifest; default: <executable>"+manifestSuffix)
	cmd.Flags().BoolVar(&opts.asJSON, "json", false, "print the release as one JSON object")
	return cmd
}

func (o verifyOptions) verify(out io.Writer, executable string) error {
	var keys []ed25519.PublicKey
	for _, path := range o.keys {
		key, err := readPublicKey(path)
		if err != nil {
			return err
		}
		keys = append(keys, key)
	}
	_, r, err := readManifest(executable, o.manifest, keys)
	if err != nil {
		return err
	}
	have, err := agent.DescribeRelease(executable)
	if err != nil {
		return err
	}
	have.Name, have.Version = r.Name, r.Version
	if err := r.Matches(have); err != nil {
		return err
	}
	if o.asJSON {
		return json.NewEncoder(out).Encode(r)
	}
	_, err = fmt.Fprintf(out, "%s %s for %s-%s, signed by a key that was given\n", r.Name, r.Version, r.OS, r.Arch)
	return err
}

func readManifest(executable, path string, keys []ed25519.PublicKey) (manifest []byte, r agent.Release, err error) {
	if path == "" {
		path = executable + manifestSuffix
	}
	text, err := readBounded(path, agent.MaxReleaseManifest)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, r, fmt.Errorf("%w; release sign writes it, --manifest names another", err)
	}
	if err != nil {
		return nil, r, err
	}
	if r, err = agent.VerifyRelease([]byte(text), keys...); err != nil {
		return nil, r, fmt.Errorf("%s: %w", path, err)
	}
	return []byte(text), r, nil
}
