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

// Values of updateSetting.
const (
	updateOff    = "off"
	updateSigned = "signed"
	updateAny    = "any"
)

// releaseKeysFolder is where the keys are by default, below the folder of the
// configuration.
const releaseKeysFolder = "release-keys"

// maxReleaseKeys is enough for many rotations.
const maxReleaseKeys = 32

var updateSetting = setting{
	flag: "update", env: "KANADE_UPDATE",
	help: "`which` releases the program replaces itself by: " + updateSigned + ", " + updateAny + " or " + updateOff + "; default: " + updateSigned + " if there is a key, else " + updateAny,
}

var updateKeysSetting = setting{
	flag: "update-keys", env: "KANADE_UPDATE_KEYS",
	help: "`folder` with the public keys (*.pub) that sign releases; default: " + releaseKeysFolder + " beside the configuration's usual place",
}

func oneOf(s setting, flags flagValues, lookupEnv func(string) (string, bool)) string {
	if given := flags.get(s.flag); len(given) > 0 {
		return last(given)
	}
	value, _ := lookupEnv(s.env)
	return value
}

// updaterOf is the updater that a program of this brand has; nil: none.
func updaterOf(flags flagValues, around surroundings, brand Brand) (*agent.Updater, error) {
	policy := oneOf(updateSetting, flags, around.lookupEnv)
	if !brand.SelfUpdate || policy == updateOff {
		return nil, nil
	}
	if policy != "" && policy != updateSigned && policy != updateAny {
		return nil, fmt.Errorf("--%s (%s): %q is none of %s, %s and %s", updateSetting.flag, updateSetting.env, policy, updateSigned, updateAny, updateOff)
	}
	folder := oneOf(updateKeysSetting, flags, around.lookupEnv)
	given := folder != ""
	if !given {
		folder = filepath.Join(around.dirs.config, releaseKeysFolder)
	}
	keys, err := releaseKeys(folder, given)
	if err != nil {
		return nil, err
	}
	if policy == updateSigned && len(keys) == 0 {
		return nil, fmt.Errorf("--%s %s needs a public key (*.pub) in %s; make one with: %s release keygen", updateSetting.flag, updateSigned, folder, brand.Use)
	}
	return &agent.Updater{Name: brand.Use, Keys: keys, AllowUnsigned: policy == updateAny, StartCounted: true}, nil
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
func (r *running) updaterOptions(environment []string) ([]agent.Option, error) {
	u, err := updaterOf(r.flags, r.around, r.brand)
	if err != nil || u == nil {
		return nil, err
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
