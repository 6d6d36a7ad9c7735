package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/kanade-go/kanade/cmd/agentcli"
)

// authenticode signs programs and installers for Windows; without a certificate
// nothing is signed.
type authenticode struct {
	cert, key  string
	timestamps string
}

func (a authenticode) wanted() bool { return a.cert != "" || a.key != "" }

func (a authenticode) check() error {
	if a.wanted() && (a.cert == "" || a.key == "") {
		return errors.New("--authenticode-cert and --authenticode-key belong together")
	}
	return nil
}

// signPrograms comes before the manifests: they hold the digest of the signed file.
func (r *release) signPrograms(ctx context.Context) error {
	for _, p := range r.platforms {
		if p.goos != "windows" {
			continue
		}
		if err := r.signFile(ctx, r.executable(p)); err != nil {
			return err
		}
	}
	return nil
}

func (r *release) signFile(ctx context.Context, path string) error {
	if !r.authenticode.wanted() {
		return nil
	}
	signed := filepath.Join(r.work, "signed")
	args := []string{"sign", "-certs", r.authenticode.cert, "-key", r.authenticode.key, "-h", "sha256", "-n", program, "-i", homepage}
	if url := r.authenticode.timestamps; url != "" {
		args = append(args, "-ts", url)
	}
	if err := r.run(ctx, nil, "osslsigncode", append(args, "-in", path, "-out", signed)...); err != nil {
		return fmt.Errorf("sign %s: %w", filepath.Base(path), err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if err := os.Chmod(signed, info.Mode()); err != nil {
		return err
	}
	return os.Rename(signed, path)
}

// writeManifests has the program's own verb sign them.
func (r *release) writeManifests(ctx context.Context) error {
	if len(r.keys) == 0 {
		return nil
	}
	for _, p := range r.platforms {
		args := []string{"release", "sign", r.executable(p), "--version", r.version, "--minimum-version", r.minimum}
		for _, key := range r.keys {
			args = append(args, "--key", key)
		}
		cmd := agentcli.NewCommand(agentcli.Brand{})
		cmd.SetArgs(args)
		cmd.SetOut(io.Discard)
		if err := cmd.ExecuteContext(ctx); err != nil {
			return fmt.Errorf("sign the manifest for %s: %w", p.name(), err)
		}
	}
	return nil
}

const sumsFile = "SHA256SUMS"

// sums writes what sha256sum --check reads.
func (r *release) sums(context.Context) error {
	entries, err := os.ReadDir(r.dir)
	if err != nil {
		return err
	}
	return writeFile(filepath.Join(r.dir, sumsFile), func(w io.Writer) error {
		for _, e := range entries {
			if e.Name() == sumsFile {
				continue // this file, which is empty yet
			}
			data, err := os.ReadFile(filepath.Join(r.dir, e.Name()))
			if err != nil {
				return err
			}
			if _, err := fmt.Fprintf(w, "%x  %s\n", sha256.Sum256(data), e.Name()); err != nil {
				return err
			}
		}
		return nil
	})
}
