package agentcli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"github.com/kanade-go/kanade/agent"
)

const (
	configFlag = "config"
	configEnv  = "KANADE_AGENT_CONFIG"
	configName = "agent.toml"
)

// flagValues holds what was given on the command line, by the flag's name.
type flagValues map[string]*[]string

func (f flagValues) get(name string) []string {
	if values := f[name]; values != nil {
		return *values
	}
	return nil
}

// surroundings is what configuration depends on besides flags and the file.
type surroundings struct {
	lookupEnv func(string) (string, bool)
	secrets   func() (storedSecrets, error)
	hasStore  bool // secrets may have something to say later
	dirs      dirs
	scope     scope
}

// dirs are the places that a host has for configuration, data and logs.
type dirs struct{ config, data, logs string }

func hostSurroundings() surroundings {
	return surroundings{
		lookupEnv: os.LookupEnv,
		secrets:   readStoredSecrets,
		hasStore:  runtime.GOOS == "windows",
		dirs:      defaultDirs(os.LookupEnv),
		scope:     hostScope(os.LookupEnv),
	}
}

// loaded is a configuration with what a log should say about it.
type loaded struct {
	config   agent.Config
	path     string // of the file; empty: none was used
	warnings []string
	// credentials, if not nil, stand in place of those of config.
	credentials agent.Credentials
}

type loader struct {
	surroundings
	flags  flagValues
	stored storedSecrets
	file   *configFile
	out    loaded
}

// load puts a configuration together: flags, then environment, then file, then
// defaults. It reads files and, on Windows, the registry.
func load(flags flagValues, around surroundings) (loaded, error) {
	l := &loader{surroundings: around, flags: flags}
	l.out.config = agent.DefaultConfig()
	l.out.config.StateDir = around.dirs.data
	for _, step := range []func() error{l.readFile, l.readStored, l.plain, l.level, l.credentials} {
		if err := step(); err != nil {
			return loaded{}, err
		}
	}
	return l.out, nil
}

func (l *loader) readFile() error {
	path, err := findConfig(l.flags, l.surroundings)
	if errors.Is(err, errNoConfig) && l.given(natsURLFlag, natsURLEnv) {
		return nil
	}
	if err != nil {
		return err
	}
	file, unknown, err := readConfigFile(path, l.scope)
	if err != nil {
		return err
	}
	l.out.path, l.file = path, &file
	for _, key := range unknown {
		l.warn("unknown key in the configuration ignored: " + key)
	}
	return l.checkTables()
}

var errNoConfig = errors.New("no configuration")

// findConfig: the flag and the variable are taken as they are, the default
// place only if there is a file.
func findConfig(flags flagValues, around surroundings) (string, error) {
	if given := flags.get(configFlag); len(given) > 0 {
		return last(given), nil
	}
	if path, _ := around.lookupEnv(configEnv); path != "" {
		return path, nil
	}
	usual := filepath.Join(around.dirs.config, configName)
	if _, err := os.Stat(usual); err != nil {
		return "", fmt.Errorf("%w: give --%s, set %s or put %s at %s; a broker given with --%s needs no file",
			errNoConfig, configFlag, configEnv, configName, usual, natsURLFlag)
	}
	return usual, nil
}

func (l *loader) checkTables() error {
	switch {
	case l.file.Agent == nil:
		return fmt.Errorf("%s: table [agent] is missing", l.out.path)
	case l.file.Log == nil:
		return fmt.Errorf("%s: table [log] is missing", l.out.path)
	}
	required := map[string]bool{"agent.id": true, "agent.nats_url": true, "log.path": true, "log.level": true}
	for _, s := range append([]setting{levelSetting}, plainSettings...) {
		if required[s.key] && s.file(*l.file) == nil && !l.given(s.flag, s.env) {
			return fmt.Errorf("%s: %s is missing", l.out.path, s.key)
		}
	}
	if len(l.file.Agent.Groups) > 0 {
		l.warn("agent.groups in the configuration has no effect; groups come from the broker")
	}
	return nil
}

func (l *loader) readStored() error {
	var err error
	if l.stored, err = l.secrets(); err != nil {
		l.warn("credentials in the registry cannot be read: " + err.Error())
	}
	return nil
}

func (l *loader) plain() error {
	for _, s := range plainSettings {
		if given := l.flags.get(s.flag); s.unfit != nil && len(given) > 0 {
			if err := s.unfit(last(given)); err != nil {
				return fmt.Errorf("--%s: %w", s.flag, err)
			}
		}
		for _, p := range []place{l.fromFlags(), l.fromEnv(), l.fromFile()} {
			found, err := apply(s, &l.out.config, p)
			if err != nil {
				return err
			}
			if found {
				break
			}
		}
	}
	return nil
}

func (l *loader) level() error {
	for _, p := range []place{l.fromFlags(), l.fromEnv()} {
		if found, err := apply(levelSetting, &l.out.config, p); found || err != nil {
			return err
		}
	}
	if level, ok := filterLevel(l.env("RUST_LOG")); ok {
		l.out.config.LogLevel = level
		return nil
	}
	if filter := l.fromFile().value(levelSetting); filter != nil {
		level, ok := filterLevel(last(filter))
		if !ok {
			l.warn("log.level in the configuration holds no level for this program; info is used")
		}
		l.out.config.LogLevel = level
	}
	return nil
}

// apply sets s if p has a value for it.
func apply(s setting, c *agent.Config, p place) (bool, error) {
	values := p.value(s)
	if len(values) == 0 {
		return false, nil
	}
	if err := s.set(c, values); err != nil {
		return false, fmt.Errorf("%s: %w", p.name(s), err)
	}
	return true, nil
}

func (l *loader) fromFlags() place {
	return place{
		name:  func(s setting) string { return "--" + s.flag },
		value: func(s setting) []string { return l.flags.get(s.flag) },
	}
}

func (l *loader) fromEnv() place {
	return place{
		name:  func(s setting) string { return s.env },
		value: func(s setting) []string { return nonEmpty(l.env(s.env)) },
	}
}

func (l *loader) fromFile() place {
	return place{
		name: func(s setting) string { return l.out.path + ": " + s.key },
		value: func(s setting) []string {
			if l.file == nil || s.file == nil {
				return nil
			}
			return s.file(*l.file)
		},
	}
}

// env takes an empty variable for one that is not set.
func (l *loader) env(name string) string {
	value, _ := l.lookupEnv(name)
	return value
}

func (l *loader) given(flag, env string) bool {
	return len(l.flags.get(flag)) > 0 || l.env(env) != ""
}

func (l *loader) warn(text string) { l.out.warnings = append(l.out.warnings, text) }
