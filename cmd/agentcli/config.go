package agentcli

import (
	"errors"
	"fmt"

	"github.com/kanade-go/kanade/agent"
)

// flagValues holds what was given on the command line, by the flag's name.
type flagValues map[string]*[]string

func (f flagValues) get(name string) []string {
	if values := f[name]; values != nil {
		return *values
	}
	return nil
}

// loaded is a configuration with what a log should say about it.
type loaded struct {
	config   hostConfig
	file     *configFile // nil: none was used, or it cannot be read
	path     string      // of the file; empty: none was used
	files    []string    // that file and those that it includes
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
	l.out.config = hostConfig{Config: agent.DefaultConfig()}
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
	l.file, l.out.file, l.out.files = file, file, file.paths()
	l.checkTables()
}

func (l *loader) failed(p problem) {
	if p.Warning {
		l.out.warnings = append(l.out.warnings, p)
		return
	}
	l.wrong = append(l.wrong, p)
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
	if err := s.tooLong(values); err != nil {
		l.failed(p.problem(s, err))
		return true
	}
	if err := s.set(&l.out.config, values); err != nil {
		l.failed(p.problem(s, err))
		return true
	}
	for _, err := range s.alone(values) {
		l.failed(p.problem(s, err))
	}
	return true
}

func (l *loader) warn(p problem) {
	p.Warning = true
	l.failed(p)
}
