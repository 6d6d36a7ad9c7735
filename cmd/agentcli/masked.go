package agentcli

import (
	"log/slog"
	"net/url"
	"strings"
)

// redacted stands where a secret is set.
const redacted = "[redacted]"

func secret(value string) string {
	if value == "" {
		return ""
	}
	return redacted
}

// masked is a URL without the user, password or token in it.
func masked(address string) string {
	scheme, rest, found := strings.Cut(address, "://")
	if !found {
		scheme, rest = "", address
	} else {
		scheme += "://"
	}
	if u, err := url.Parse(address); found && err == nil && u.User == nil {
		return address
	}
	at := strings.LastIndexByte(rest, '@')
	if at < 0 {
		return address
	}
	return scheme + redacted + rest[at:]
}

func maskedAll(addresses []string) []string {
	all := make([]string, 0, len(addresses))
	for _, a := range addresses {
		all = append(all, masked(a))
	}
	return all
}

// levelName is what a configuration calls a level.
func levelName(level slog.Level) string {
	for name, known := range levels {
		if known == level {
			return name
		}
	}
	return strings.ToLower(level.String())
}
