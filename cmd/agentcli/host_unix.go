//go:build unix

package agentcli

const defaultServiceName = "kanade-agent"

// defaultDirs are where a fleet's deployment puts things.
func defaultDirs(func(string) (string, bool)) dirs {
	return dirs{config: "/etc/kanade", data: "/var/lib/kanade", logs: "/var/log/kanade"}
}

// readStoredSecrets finds nothing: only Windows has a store for them.
func readStoredSecrets() (storedSecrets, error) { return storedSecrets{}, nil }
