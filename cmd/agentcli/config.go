package agentcli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

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

// remembering answers for the secret variables as the environment does now, to
// templates too: they are about to be removed from it.
func (s surroundings) remembering() surroundings {
	s.lookupEnv = remembered(s.lookupEnv)
	s.scope.lookupEnv = remembered(s.scope.lookupEnv)
	return s
}

// loaded is a configuration with what a log should say about it.
type loaded struct {
	config   agent.Config
	path     string   // of the file; empty: none was used
	files    []string // that file and those that it includes
	warnings problems
	origins  map[string]string // by the setting's name: where its value comes from
	// credentials, if not nil, stand in place of those of config.
	credentials agent.Credentials
}

type loader struct {
	surroundings
	flags  flagValues
	stored storedSecrets
	file   *configFile
	out    loaded
	wrong  problems
}

// load puts a configuration together: flags, then environment, then file, then
// defaults. It reads files and, on Windows, the registry. The error is [problems]
// with all that is wrong.
func load(flags flagValues, around surroundings) (loaded, error) {
	out, wrong := loadAll(flags, around)
	if err := wrong.err(); err != nil {
		return loaded{}, err
	}
	return out, nil
}

// loadAll goes on after a problem, to find them all. What it returns beside
// problems is only as good as they let it be.
func loadAll(flags flagValues, around surroundings) (loaded, problems) {
	l := newLoader(flags, around)
	for _, step := range []func(){l.readFile, l.readStored, l.plain, l.level, l.login} {
		step()
	}
	l.out.warnings = l.out.warnings.ordered(l.out.files...)
	return l.out, l.wrong.ordered(l.out.files...)
}

func newLoader(flags flagValues, around surroundings) *loader {
	l := &loader{surroundings: around, flags: flags}
	l.out.config = agent.DefaultConfig()
	l.out.config.StateDir = around.dirs.data
	l.out.origins = map[string]string{}
	return l
}

func (l *loader) readFile() {
	path, err := findConfig(l.flags, l.surroundings)
	if errors.Is(err, errNoConfig) && l.given(natsURLFlag, natsURLEnv) {
		return
	}
	if err != nil {
		l.failed(problemOf(err))
		return
	}
	l.out.path = path
	l.out.files = []string{path}
	file, found := readConfigFile(path, l.scope)
	for _, p := range found {
		l.failed(p)
	}
	if file == nil {
		return
	}
	l.file, l.out.files = file, file.paths()
	l.checkTables()
}

func (l *loader) failed(p problem) {
	if p.Warning {
		l.out.warnings = append(l.out.warnings, p)
		return
	}
	l.wrong = append(l.wrong, p)
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

func (l *loader) checkTables() {
	for _, table := range []string{"agent", "log"} {
		if l.file.lacks(table) {
			l.failed(l.file.problem(table, "table ["+table+"] is missing"))
		}
	}
	required := map[string]bool{"agent.id": true, "agent.nats_url": true, "log.path": true, "log.level": true}
	for _, s := range append([]setting{levelSetting}, plainSettings...) {
		table, _, _ := strings.Cut(s.key, ".")
		if required[s.key] && len(l.file.values[table]) > 0 && l.lacks(s) && !l.given(s.flag, s.env) {
			l.failed(l.file.problem(table, s.key+" is missing"))
		}
	}
	if len(l.file.get("agent.groups")) > 0 {
		l.warn(l.file.problem("agent.groups", "agent.groups is deprecated and has no effect; groups come from the broker"))
	}
}

// lacks reports whether the file says nothing of a setting.
func (l *loader) lacks(s setting) bool {
	for _, key := range s.keys() {
		if !l.file.lacks(key) {
			return false
		}
	}
	return true
}

func (l *loader) readStored() {
	var err error
	if l.stored, err = l.secrets(); err != nil {
		l.warn(problem{Text: "credentials in the registry cannot be read: " + oneLine(err)})
	}
}

func (l *loader) plain() {
	for _, s := range plainSettings {
		if given := l.flags.get(s.flag); s.unfit != nil && len(given) > 0 {
			if err := s.unfit(last(given)); err != nil {
				l.failed(problemOf(fmt.Errorf("--%s: %w", s.flag, err)))
			}
		}
		for _, p := range []place{l.fromFlags(), l.fromEnv(), l.fromFile()} {
			if l.take(s, p) {
				break
			}
		}
	}
}

// take sets s if p has a value for it, and says what is wrong with that.
func (l *loader) take(s setting, p place) bool {
	values := p.value(s)
	if len(values) == 0 {
		return false
	}
	l.out.origins[s.name()] = p.origin(s)
	if err := s.set(&l.out.config, values); err != nil {
		l.failed(p.problem(s, err))
		return true
	}
	for _, err := range s.alone(values) {
		l.failed(p.problem(s, err))
	}
	return true
}

// alone finds what is wrong with a value whatever the other settings are.
func (s setting) alone(values []string) []error {
	c := agent.Config{ID: "any", StateDir: anyFolder()}
	if last(values) != "" { // half a pair is nothing to say of one half
		c.TLS = agent.TLSConfig{CertFile: c.StateDir, KeyFile: c.StateDir}
	}
	if s.set(&c, values) != nil {
		return nil
	}
	return separated(c.Validate())
}

// anyFolder is absolute, as a state folder must be.
func anyFolder() string {
	folder, err := filepath.Abs("state")
	if err != nil {
		return os.TempDir()
	}
	return folder
}

func (l *loader) level() {
	for _, p := range []place{l.fromFlags(), l.fromEnv()} {
		if l.take(levelSetting, p) {
			return
		}
	}
	if level, ok := filterLevel(l.env("RUST_LOG")); ok {
		l.out.config.LogLevel = level
		l.out.origins[levelSetting.name()] = "variable RUST_LOG"
		return
	}
	if filter := l.fromFile().value(levelSetting); len(filter) > 0 {
		level, ok := filterLevel(last(filter))
		if !ok {
			l.warn(l.file.problem(levelSetting.key, "log.level holds no level for this program; info is used"))
		}
		l.out.config.LogLevel = level
		l.out.origins[levelSetting.name()] = l.file.origin(levelSetting.key)
	}
}

func (l *loader) fromFlags() place {
	return place{
		origin:  func(s setting) string { return "flag --" + s.flag },
		problem: func(s setting, err error) problem { return problemOf(fmt.Errorf("--%s: %w", s.flag, err)) },
		value:   func(s setting) []string { return l.flags.get(s.flag) },
	}
}

func (l *loader) fromEnv() place {
	return place{
		origin:  func(s setting) string { return "variable " + s.env },
		problem: func(s setting, err error) problem { return problemOf(fmt.Errorf("%s: %w", s.env, err)) },
		value:   func(s setting) []string { return nonEmpty(l.env(s.env)) },
	}
}

func (l *loader) fromFile() place {
	return place{
		origin: func(s setting) string { return l.file.origin(s.keys()...) },
		problem: func(s setting, err error) problem {
			p := l.file.problem(s.key, s.key+": "+plain(err))
			p.cause = err
			return p
		},
		value: func(s setting) (values []string) {
			if l.file == nil {
				return nil
			}
			for _, key := range s.keys() {
				values = append(values, l.file.get(key)...)
			}
			return values
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

func (l *loader) warn(p problem) {
	p.Warning = true
	l.failed(p)
}
