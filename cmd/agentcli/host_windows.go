package agentcli

import (
	"errors"
	"fmt"
	"path/filepath"

	"golang.org/x/sys/windows/registry"
)

const defaultServiceName = "KanadeAgent"

// defaultDirs are where a fleet's deployment puts things.
func defaultDirs(lookupEnv func(string) (string, bool)) dirs {
	base, _ := lookupEnv("ProgramData")
	if base == "" {
		base = `C:\ProgramData`
	}
	return dirs{
		config: filepath.Join(base, "Kanade", "config"),
		data:   filepath.Join(base, "Kanade", "data"),
		logs:   filepath.Join(base, "Kanade", "logs"),
	}
}

const storedSecretsKey = `SOFTWARE\kanade\agent`

// readStoredSecrets reads the string values below HKLM that the deployment
// wrote there. A missing key or value is an empty one.
func readStoredSecrets() (storedSecrets, error) {
	key, err := registry.OpenKey(registry.LOCAL_MACHINE, storedSecretsKey, registry.QUERY_VALUE)
	if errors.Is(err, registry.ErrNotExist) {
		return storedSecrets{}, nil
	}
	if err != nil {
		return storedSecrets{}, fmt.Errorf(`HKLM\%s: %w`, storedSecretsKey, err)
	}
	defer func() { _ = key.Close() }() // only read
	var found storedSecrets
	for name, into := range map[string]*string{
		"NatsToken": &found.token, "NatsUser": &found.user, "NatsPassword": &found.password,
	} {
		value, _, err := key.GetStringValue(name)
		if err != nil && !errors.Is(err, registry.ErrNotExist) {
			return storedSecrets{}, fmt.Errorf(`HKLM\%s: %s: %w`, storedSecretsKey, name, err)
		}
		*into = value
	}
	return found, nil
}
