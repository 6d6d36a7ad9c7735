package agentcli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/pelletier/go-toml/v2"
)

// configFile is agent.toml: what a fleet's files hold, and our additions.
// Unknown keys are ignored, known ones must have the right type.
type configFile struct {
	Agent *agentTable `toml:"agent"`
	Log   *logTable   `toml:"log"`
	TLS   tlsTable    `toml:"tls"`

	// Known so that they can be refused: without them a file would mean
	// something else than its author thinks.
	Include  any `toml:"include"`
	Teravars any `toml:"teravars"`
}

type agentTable struct {
	ID      *string  `toml:"id"`
	NATSURL *string  `toml:"nats_url"`
	Groups  []string `toml:"groups"`

	Servers      []string `toml:"servers"`
	DataDir      *string  `toml:"data_dir"`
	TokenFile    *string  `toml:"token_file"`
	User         *string  `toml:"user"`
	PasswordFile *string  `toml:"password_file"`
	NKeyFile     *string  `toml:"nkey_file"`
	CredsFile    *string  `toml:"creds_file"`
	Proxy        *string  `toml:"proxy"`
	Concurrency  *int64   `toml:"concurrency"`
	Grace        *string  `toml:"grace"`
}

type logTable struct {
	Path     *string `toml:"path"`
	Level    *string `toml:"level"`
	KeepDays *int64  `toml:"keep_days"`
}

type tlsTable struct {
	CA   *string `toml:"ca"`
	Cert *string `toml:"cert"`
	Key  *string `toml:"key"`
}

// readConfigFile reads, renders and decodes. Its errors are one line and begin
// with file:line:column wherever there is such a place.
func readConfigFile(path string, s scope) (configFile, []string, error) {
	src, err := readBounded(path, maxConfigBytes)
	if err != nil {
		return configFile{}, nil, fmt.Errorf("config file: %w", err)
	}
	file, unknownKeys, err := parseConfig(src, s)
	if err != nil {
		return configFile{}, nil, fmt.Errorf("%s:%w", path, err)
	}
	return file, unknownKeys, nil
}

func readBounded(path string, limit int) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }() // only read
	data, err := io.ReadAll(io.LimitReader(f, int64(limit)+1))
	if err != nil {
		return "", err
	}
	if len(data) > limit {
		return "", fmt.Errorf("%s: larger than %d bytes", path, limit)
	}
	return string(data), nil
}

// parseConfig returns the file and the keys in its known tables that nobody
// reads, with their lines.
func parseConfig(src string, s scope) (configFile, []string, error) {
	src = strings.TrimPrefix(src, "\ufeff") // some Windows editors write one
	if !utf8.ValidString(src) {
		return configFile{}, nil, errors.New(" not UTF-8 text")
	}
	r, err := expand(src, s)
	if err != nil {
		return configFile{}, nil, located(r, err)
	}
	var file configFile
	if err := decodeTOML(r, &file); err != nil {
		return configFile{}, nil, located(r, err)
	}
	switch {
	case file.Include != nil:
		return configFile{}, nil, errors.New(" include is not supported; put everything into one file")
	case file.Teravars != nil:
		return configFile{}, nil, errors.New(" [teravars] is not supported; put everything into one file")
	}
	return file, unknownKeys(r), nil
}

// located writes the position of a templateError before it.
func located(r rendered, err error) error {
	var at *templateError
	if !errors.As(err, &at) {
		return err
	}
	line, column := position(r.src, at.at)
	return fmt.Errorf("%d:%d: %w", line, column, at)
}

func position(src string, offset int) (line, column int) {
	before := src[:min(offset, len(src))]
	return strings.Count(before, "\n") + 1, len(before) - strings.LastIndexByte(before, '\n')
}

// decodeTOML turns the library's errors into one at an offset of the source.
func decodeTOML(r rendered, into any) error {
	err := toml.Unmarshal([]byte(r.text), into)
	var wrong *toml.DecodeError
	if !errors.As(err, &wrong) {
		return err
	}
	return errorAt(r.sourceOf(wrong), "%s", describe(wrong))
}

func (r rendered) sourceOf(e *toml.DecodeError) int {
	line, column := e.Position()
	offset := 0
	for ; line > 1; line-- {
		offset += strings.IndexByte(r.text[offset:], '\n') + 1
	}
	return r.source(offset + column - 1)
}

// expected says in plain words what a key takes.
var expected = map[string]string{
	"agent": "a table", "log": "a table", "tls": "a table",
	"agent.groups": "a list of strings", "agent.servers": "a list of strings",
	"agent.concurrency": "an integer", "log.keep_days": "an integer",
}

func describe(e *toml.DecodeError) string {
	message := strings.TrimPrefix(e.Error(), "toml: ")
	key := strings.Join(e.Key(), ".")
	// The library names Go types here; the file's author never saw those.
	found, mismatch := strings.CutPrefix(message, "cannot decode TOML ")
	found, _, _ = strings.Cut(found, " into ")
	if !mismatch && !strings.HasPrefix(message, "cannot store ") {
		return message
	}
	want, ok := expected[key]
	if !ok {
		want = "a string"
	}
	if !mismatch {
		return fmt.Sprintf("%s must be %s", key, want)
	}
	return fmt.Sprintf("%s must be %s, not of type %s", key, want, found)
}

// unknownKeys finds typing errors: keys in our own tables that have no meaning.
func unknownKeys(r rendered) []string {
	decoder := toml.NewDecoder(bytes.NewReader([]byte(r.text))).DisallowUnknownFields()
	var strict *toml.StrictMissingError
	if err := decoder.Decode(new(configFile)); !errors.As(err, &strict) {
		return nil
	}
	var keys []string
	for i := range strict.Errors {
		e := &strict.Errors[i]
		if key := e.Key(); len(key) > 1 && expected[key[0]] != "" {
			line, _ := position(r.src, r.sourceOf(e))
			keys = append(keys, strings.Join(key, ".")+" in line "+strconv.Itoa(line))
		}
	}
	return keys
}
