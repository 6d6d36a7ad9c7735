package agentcli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
)

const (
	configFlag = "config"
	configEnv  = "KANADE_AGENT_CONFIG"
	configName = "agent.toml"
)

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
