package agentcli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/kanade-go/kanade/agent"
)

// maxSecretBytes bounds a token or password file.
const maxSecretBytes = 64 << 10

// secretVariables are taken out of the environment once they are read, so that
// no script inherits them.
var secretVariables = []string{"KANADE_NATS_TOKEN", "KANADE_NATS_PASSWORD"}

// storedSecrets is what Windows keeps in HKLM\SOFTWARE\kanade\agent.
type storedSecrets struct{ token, user, password string }

// place is one of the places that settings come from.
type place struct {
	name  func(setting) string // for errors
	value func(setting) []string
}

func secretFile(into *agent.Secret, values []string) error {
	text, err := readBounded(last(values), maxSecretBytes)
	if err != nil {
		return err
	}
	secret := strings.TrimSpace(text)
	if secret == "" {
		return fmt.Errorf("%s: the file is empty", last(values))
	}
	*into = agent.Secret(secret)
	return nil
}

// credentials takes the first place that holds any; half a pair there is an
// error, never a reason to look further.
func (l *loader) credentials() error {
	for _, p := range []place{l.fromFlags(), l.fromSystem(), l.fromFile()} {
		var found agent.Config
		for _, s := range credentialSettings {
			if _, err := apply(s, &found, p); err != nil {
				return err
			}
		}
		if !holdsCredentials(found) {
			continue
		}
		if (found.User == "") != (found.Password == "") {
			return errors.New("the broker's user and password: one is set without the other")
		}
		l.adopt(found)
		return nil
	}
	return nil
}

func holdsCredentials(c agent.Config) bool {
	return c.Token != "" || c.User != "" || c.Password != "" || c.NKeyFile != "" || c.CredsFile != ""
}

func (l *loader) adopt(c agent.Config) {
	to := &l.out.config
	to.Token, to.User, to.Password, to.NKeyFile, to.CredsFile = c.Token, c.User, c.Password, c.NKeyFile, c.CredsFile
}

// fromSystem is the environment with the registry before it. The user pair is
// looked for as a whole, so that no half is completed from elsewhere, and it
// wins over the token: a fleet that moves from one to the other has both.
func (l *loader) fromSystem() place {
	env := l.fromEnv()
	stored := l.stored
	if stored.user == "" && stored.password == "" {
		stored.user = l.env("KANADE_NATS_USER")
		stored.password = l.env("KANADE_NATS_PASSWORD")
	}
	if stored.token == "" {
		stored.token = l.env("KANADE_NATS_TOKEN")
	}
	if stored.user != "" && stored.token != "" {
		l.warn("both a token and a user are set for the broker; the user is used")
		stored.token = ""
	}
	return place{name: env.name, value: func(s setting) []string {
		switch s.env {
		case "KANADE_NATS_TOKEN":
			return nonEmpty(stored.token)
		case "KANADE_NATS_USER":
			return nonEmpty(stored.user)
		case "KANADE_NATS_PASSWORD":
			return nonEmpty(stored.password)
		}
		return env.value(s)
	}}
}

func nonEmpty(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}
