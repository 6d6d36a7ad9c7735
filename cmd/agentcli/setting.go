package agentcli

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/kanade-go/kanade/agent"
)

// hostConfig is what a host is configured to: the agent, and the program around it.
type hostConfig struct {
	agent.Config
	KLP    klpConfig
	Update updateConfig
	// Metrics is the loopback address that metrics are served at, host:port; empty:
	// nowhere.
	Metrics string
}

// setting is one thing that can be configured, with its name in each place.
// An empty name means that it cannot be given there.
type setting struct {
	flag string // --flag
	env  string
	key  string // table.key in the file
	kind string // what the file takes; empty: kindText
	help string
	more string // a second key, whose list adds to the first one's
	set  func(*hostConfig, []string) error
	show func(hostConfig) string
	most int // bytes of a value; 0: mostValue
	// unfit refuses what must not be on a command line, which every user of the
	// host can read.
	unfit func(string) error
}

// name is how a setting is shown: by its key, or the variable where it has none.
func (s setting) name() string {
	if s.key == "" {
		return s.env
	}
	return s.key
}

// keys are the setting's keys in the file.
func (s setting) keys() []string {
	var keys []string
	for _, key := range []string{s.key, s.more} {
		if key != "" {
			keys = append(keys, key)
		}
	}
	return keys
}

// plainSettings are taken one by one: flag, then environment, then file. They stand
// below the tables of the file that hold them.
var plainSettings = slices.Concat(agentSettings, tlsSettings, logSettings, updateSettings, klpSettings, scriptSettings, metricsSettings)

// allSettings lists them as they are shown.
func allSettings() []setting {
	return slices.Concat(plainSettings, []setting{levelSetting}, credentialSettings)
}

// mostValue is longer than any path or address.
const mostValue = 4096

// tooLong does not repeat the value, which may be a password.
func (s setting) tooLong(values []string) error {
	most := cmp.Or(s.most, mostValue)
	for _, v := range values {
		if len(v) > most {
			return fmt.Errorf("the value has %d bytes; more than %d make no sense", len(v), most)
		}
	}
	return nil
}

func last(values []string) string { return values[len(values)-1] }

// absolute fixes a path to the folder the process started in; an empty one
// stays empty.
func absolute(into *string, values []string) (err error) {
	path := last(values)
	if path != "" {
		path, err = filepath.Abs(path)
	}
	*into = path
	return err
}

func natural(into *int, values []string) error {
	n, err := strconv.ParseUint(last(values), 10, 31)
	if err != nil {
		return fmt.Errorf("%s is not a whole number from 0 up", quoted(last(values)))
	}
	*into = int(n)
	return nil
}

func yesNo(into *bool, values []string) error {
	is, err := strconv.ParseBool(last(values))
	if err != nil {
		return fmt.Errorf("%s is neither true nor false", quoted(last(values)))
	}
	*into = is
	return nil
}
