// Command build makes the files of a release in one go:
//
//	go run ./packaging/build --version 1.4.0 --out dist
//
// The executables for Linux, Windows and macOS, archives with them, deb and rpm, the
// installer for Windows, and SHA256SUMS over all of it. With keys it signs: the
// programs for Windows (Authenticode) and, after that, the manifests that hosts check.
//
// # Guarantees
//
//   - The same version, commit, date and Go make the same bytes, in any folder, as
//     long as nothing is signed by Authenticode.
//   - What --out holds is complete: it is put there at the end, in place of what an
//     earlier build left.
//
// # Limits
//
//   - It runs on Linux. deb and rpm are made by nfpm, which is fetched and built once;
//     the installer needs wixl and msibuild, Authenticode needs osslsigncode. What is
//     missing is named before anything is built.
//   - The programs for macOS are not notarised.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := build(ctx, os.Args[1:])
	stop()
	switch {
	case errors.Is(err, flag.ErrHelp):
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, "packaging:", err)
		os.Exit(1)
	}
}

func build(ctx context.Context, args []string) error {
	r, err := parse(ctx, args)
	if err != nil {
		return err
	}
	return r.make(ctx)
}

// list collects a flag that is given more than once.
type list []string

func (l *list) String() string { return strings.Join(*l, ",") }

func (l *list) Set(value string) error {
	*l = append(*l, value)
	return nil
}

func parse(ctx context.Context, args []string) (*release, error) {
	r := &release{}
	var commit, only string
	flags := flag.NewFlagSet("build", flag.ContinueOnError)
	flags.StringVar(&r.version, "version", "", "`version` as x.y.z[-suffix]; default: the tag of the commit")
	flags.StringVar(&commit, "commit", "", "`commit` that is built; default: git's")
	flags.StringVar(&r.out, "out", "dist", "`folder` for what is made; replaced")
	flags.StringVar(&only, "only", "", "`platforms` to build, such as linux-x86_64,windows-x86_64; default: all")
	flags.BoolVar(&r.bare, "bare", false, "executables only: no archives, packages and installers")
	flags.Var(&r.keys, "key", "`file` with a private key that signs the manifests (release keygen makes one); repeat it for more")
	flags.StringVar(&r.minimum, "minimum-version", "", "oldest `version` that hosts may go back to, for the manifests")
	flags.StringVar(&r.authenticode.cert, "authenticode-cert", "", "`file` with the certificate (PEM) that signs programs for Windows")
	flags.StringVar(&r.authenticode.key, "authenticode-key", "", "`file` with its private key (PEM)")
	flags.StringVar(&r.authenticode.timestamps, "authenticode-timestamps", "", "`URL` of a timestamp service (RFC 3161)")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	if flags.NArg() > 0 {
		return nil, fmt.Errorf("%q is none of the flags", flags.Arg(0))
	}
	if err := r.stamp(ctx, commit); err != nil {
		return nil, err
	}
	return r, r.choose(only)
}
