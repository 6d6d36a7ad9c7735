package agentcli

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/kanade-go/kanade/agent"
)

// releaseKeysFolder is where the keys are by default, below the folder of the
// configuration.
const releaseKeysFolder = "release-keys"

// maxReleaseKeys is enough for many rotations.
const maxReleaseKeys = 32

// updaterOf is the updater that a program of this brand has; nil: none.
func updaterOf(c updateConfig, places dirs, brand Brand) (*agent.Updater, error) {
	if !brand.SelfUpdate || c.Releases == updateOff {
		return nil, nil
	}
	folder := c.folder(places)
	keys, err := releaseKeys(folder, c.Keys != "")
	if err != nil {
		return nil, err
	}
	if c.Releases == updateSigned && len(keys) == 0 {
		return nil, fmt.Errorf("update.releases is %s, which needs a public key (*.pub) in %s; make one with: %s release keygen", updateSigned, folder, brand.Use)
	}
	return &agent.Updater{Name: brand.Use, Keys: keys, AllowUnsigned: c.Releases == updateAny, StartCounted: true}, nil
}

func (c updateConfig) folder(places dirs) string {
	if c.Keys != "" {
		return c.Keys
	}
	return filepath.Join(places.config, releaseKeysFolder)
}

// releaseKeys reads the keys of a folder. A key that cannot be read is an error: a
// host without it would take what is not signed.
func releaseKeys(folder string, must bool) (keys []ed25519.PublicKey, err error) {
	entries, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) && !must {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("folder of release keys: %w", err)
	}
	if err := onlyTrusted(folder); err != nil {
		return nil, err
	}
	for _, e := range entries {
		if filepath.Ext(e.Name()) != ".pub" {
			continue
		}
		path := filepath.Join(folder, e.Name())
		if err := onlyTrusted(path); err != nil {
			return nil, err
		}
		key, err := readPublicKey(path)
		if err != nil {
			return nil, err
		}
		if keys = append(keys, key); len(keys) > maxReleaseKeys {
			return nil, fmt.Errorf("folder of release keys: %s has more than %d", folder, maxReleaseKeys)
		}
	}
	return keys, nil
}

func readPublicKey(path string) (ed25519.PublicKey, error) {
	if err := regular(path); err != nil {
		return nil, fmt.Errorf("release key: %w", err)
	}
	data, err := readBounded(path, agent.MaxReleaseKey)
	if err != nil {
		return nil, fmt.Errorf("release key: %w", err)
	}
	key, err := agent.ReleasePublicKey([]byte(data))
	if err != nil {
		return nil, fmt.Errorf("release key %s: %w", path, err)
	}
	return key, nil
}

// updaterOptions have a release start with the flags and the environment of this
// program: the secrets of the environment, which scripts must not have, are the
// configuration of the next release too.
func (r *running) updaterOptions(c updateConfig, environment []string) ([]agent.Option, error) {
	u, err := updaterOf(c, r.around.dirs, r.brand)
	if err != nil {
		return nil, err
	}
	if u == nil {
		r.uncountStart()
		return nil, nil
	}
	u.SelfTestArgs = append(slices.Clone(r.verbs), selfTestVerb)
	for _, flag := range slices.Sorted(maps.Keys(r.flags)) {
		for _, value := range r.flags.get(flag) {
			u.SelfTestArgs = append(u.SelfTestArgs, "--"+flag+"="+value)
		}
	}
	u.SelfTestEnv = environment
	return []agent.Option{agent.WithUpdater(*u)}, nil
}

// countStart is the first thing that run does.
func (t tree) countStart() error {
	if !t.brand.SelfUpdate {
		return nil
	}
	err := agent.CountStart("")
	if err == nil || errors.Is(err, agent.ErrRestart) {
		return err
	}
	fmt.Fprintf(os.Stderr, "%s: the start of this release was not counted: %s\n", t.brand.Use, oneLine(err))
	return nil
}

// uncountStart is for a host that does not update itself any more: whatever ran when
// that was decided stays.
func (r *running) uncountStart() {
	if !r.brand.SelfUpdate {
		return
	}
	if err := agent.UncountStart(""); err != nil {
		r.logs.all.Warn("this start counts against a release that is not confirmed yet", "error", err)
	}
}

// verbsAbove are the verbs between the program and run.
func verbsAbove(run *cobra.Command) (verbs []string) {
	for cmd := run; cmd.HasParent(); cmd = cmd.Parent() {
		verbs = append([]string{cmd.Name()}, verbs...)
	}
	if len(verbs) > 0 && verbs[len(verbs)-1] == "run" {
		verbs = verbs[:len(verbs)-1]
	}
	return verbs
}
