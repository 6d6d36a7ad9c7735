package agentcli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// logName is where the log of a service is, below the folder of logs.
const logName = "agent.log"

// unaffected is the host without the variables of this shell: a service does not have
// them.
func (s surroundings) unaffected() surroundings {
	s.lookupEnv = func(string) (string, bool) { return "", false }
	return s
}

// configure finds the configuration of the service, or writes it.
func (i *installation) configure() error {
	path, err := findConfig(i.flags, i.around)
	if errors.Is(err, errNoConfig) {
		path, err = filepath.Join(i.around.dirs.config, configName), nil
	}
	if err == nil {
		path, err = filepath.Abs(path)
	}
	if err != nil {
		return err
	}
	i.config = path
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return i.writeConfig()
	}
	return i.checkConfig()
}

// load reads the file at path as the service will.
func (i *installation) load(path string, more flagValues) (loaded, error) {
	flags := flagValues{configFlag: {path}}
	for name, values := range more {
		if name != configFlag && len(more.get(name)) > 0 {
			flags[name] = values
		}
	}
	found, err := load(flags, i.around.unaffected())
	if err != nil {
		return loaded{}, err
	}
	if err := found.standsAnywhere(); err != nil {
		return loaded{}, err
	}
	return found, found.config.Validate()
}

// standsAnywhere refuses paths in the file that mean something else where the service
// starts than here.
func (l loaded) standsAnywhere() error {
	for _, s := range allSettings() {
		raw := strings.Join(l.file.get(s.key), "")
		if raw == "" || filepath.IsAbs(raw) || os.IsPathSeparator(raw[0]) {
			continue
		}
		if here, err := filepath.Abs(raw); err == nil && s.show(l.config) == here {
			return fmt.Errorf("%s says %s = %q, which depends on the folder that a program starts in; give the whole path, such as %s", l.path, s.key, raw, here)
		}
	}
	return nil
}

// checkConfig reads the file that is there: a service that cannot start is better
// noticed now.
func (i *installation) checkConfig() (err error) {
	if i.found, err = i.load(i.config, nil); err != nil {
		return err
	}
	return i.sameAsFlags(i.found)
}

// sameAsFlags compares what a file says with what was asked for. Both name one data
// folder then, and whoever named it is told if it is somebody else's.
func (i *installation) sameAsFlags(found loaded) error {
	wanted, err := i.load(found.path, i.flags)
	if err != nil {
		return err
	}
	for _, s := range installSettings() {
		if is, want := s.show(found.config), s.show(wanted.config); len(i.flags.get(s.flag)) > 0 && is != want {
			return fmt.Errorf("%s says %s = %q, not %q as --%s does; change it there, or leave --%s out", found.path, s.key, is, want, s.flag, s.flag)
		}
	}
	if len(i.flags.get(natsURLFlag)) > 0 && !slices.Equal(found.config.Servers, wanted.config.Servers) { // shown without passwords
		return fmt.Errorf("%s has another user or password in agent.nats_url than --%s; change it there, or leave --%s out", found.path, natsURLFlag, natsURLFlag)
	}
	return wanted.checkDataDir(i.around.dirs.data, i.program)
}

// writeConfig makes the file from the flags, and tries it before it is at its place.
func (i *installation) writeConfig() error {
	if len(i.flags.get(natsURLFlag)) == 0 {
		return fmt.Errorf("%w: %s is not there, and is written only when --%s says where the broker is", errNoConfig, i.config, natsURLFlag)
	}
	text, err := i.configText()
	if err != nil {
		return err
	}
	trial, err := os.MkdirTemp("", "install")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(trial) }() // the file in it is closed to others
	path := filepath.Join(trial, configName)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return err
	}
	if i.found, err = i.load(path, nil); err != nil {
		return fmt.Errorf("the configuration that the flags make: %w", err)
	}
	if err := i.sameAsFlags(i.found); err != nil {
		return fmt.Errorf("the configuration that the flags make: %w", err)
	}
	i.found.path = i.config
	return i.putConfig(text)
}

func (i *installation) putConfig(text string) error {
	if err := i.makeFolder(filepath.Dir(i.config)); err != nil {
		return err
	}
	if err := newFile(i.config, []byte(text)); err != nil {
		return err
	}
	i.did = append(i.did, major("%s written", i.config))
	return nil
}

// newFile makes a file that is there as a whole or not at all, closed to other users,
// and never takes the place of another: two may install at once.
func newFile(path string, data []byte) error {
	trial, err := os.MkdirTemp(filepath.Dir(path), "."+filepath.Base(path)+".*.tmp")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(trial) }() // closed to others
	file := filepath.Join(trial, "file")
	if err := replaceFile(file, data, 0o600); err != nil {
		return err
	}
	if err := closeFile(file); err != nil {
		return err
	}
	err = os.Link(file, path)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s was made by somebody else just now; look into it, and install again: %w", path, fs.ErrExist)
	}
	return err
}

// configText is a file that says what the flags say. A host is named when it starts:
// copies of its disk have other names. The state folder is named although there is a
// default: on Windows that depends on a variable, and a service has variables of its own.
func (i *installation) configText() (string, error) {
	tables := map[string][]string{
		"agent": {"id = '{{ system.host }}'", "data_dir = " + tomlString(i.around.dirs.data)},
		"log":   {"path = " + tomlString(filepath.Join(i.around.dirs.logs, logName)), "level = 'info'"},
	}
	for _, s := range installSettings() {
		values := i.flags.get(s.flag)
		if len(values) == 0 {
			continue
		}
		if slices.ContainsFunc(values, func(v string) bool {
			return strings.Contains(v, "{{") || strings.Contains(v, "{%") || strings.Contains(v, "{#")
		}) {
			return "", fmt.Errorf("--%s: %q would be a template in the file", s.flag, last(values))
		}
		table, key, _ := strings.Cut(s.key, ".")
		tables[table] = slices.DeleteFunc(tables[table], func(line string) bool { return strings.HasPrefix(line, key+" = ") })
		tables[table] = append(tables[table], configLines(s, key, values)...)
	}
	var text strings.Builder
	fmt.Fprintf(&text, "# Written by %[1]s install. What else can stand here: %[1]s --help\n", i.brand.Use)
	for _, table := range []string{"agent", "tls", "log"} {
		if lines := tables[table]; len(lines) > 0 {
			fmt.Fprintf(&text, "\n[%s]\n%s\n", table, strings.Join(lines, "\n"))
		}
	}
	return text.String(), nil
}

// configLines: of several servers the first has a key of its own.
func configLines(s setting, key string, values []string) []string {
	if s.flag != natsURLFlag {
		value := last(values)
		if filepath.IsAbs(value) || !namesPath(s) {
			return []string{key + " = " + tomlString(value)}
		}
		if path, err := filepath.Abs(value); err == nil {
			value = path
		}
		return []string{key + " = " + tomlString(value)}
	}
	lines := []string{key + " = " + tomlString(values[0])}
	if len(values) > 1 {
		var more []string
		for _, v := range values[1:] {
			more = append(more, tomlString(v))
		}
		lines = append(lines, "servers = ["+strings.Join(more, ", ")+"]")
	}
	return lines
}

// namesPath: a relative one starts here, not where the service does.
func namesPath(s setting) bool { return s.flag != "id" }

// tomlString is literal wherever it can be: people write Windows paths that way.
func tomlString(s string) string {
	if strings.ContainsFunc(s, unicode.IsControl) || strings.Contains(s, "'") {
		return strconv.Quote(s)
	}
	return "'" + s + "'"
}
