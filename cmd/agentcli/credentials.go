package agentcli

import (
	"context"
	"errors"
	"net/url"
	"slices"

	"github.com/kanade-go/kanade/agent"
)

// secretVariables are taken out of the environment once they are read, so that
// no script inherits them.
var secretVariables = []string{"KANADE_NATS_TOKEN", "KANADE_NATS_PASSWORD", "KANADE_NATS_PROXY"}

// storedSecrets is what Windows keeps in HKLM\SOFTWARE\kanade\agent.
type storedSecrets struct{ token, user, password string }

// login settles who connects, and whether that is asked again later.
func (l *loader) login() {
	l.lookupEnv = remembered(l.lookupEnv) // the secret ones are removed from the environment
	found, err := l.findLogin()
	if err != nil {
		l.failed(*err)
		return
	}
	to := &l.out.config
	to.Token, to.TokenFile, to.NKeyFile, to.CredsFile = found.Token, found.TokenFile, found.NKeyFile, found.CredsFile
	to.User, to.Password, to.PasswordFile = found.User, found.Password, found.PasswordFile
	for _, s := range credentialSettings {
		if origin := found.origins[s.name()]; origin != "" {
			l.out.origins[s.name()] = origin
		}
	}
	l.out.credentials = l.followed(found.Login, found.byFlag)
}

// foundLogin is a login with where it was found.
type foundLogin struct {
	agent.Login
	byFlag  bool
	origins map[string]string
}

// findLogin takes the first place that holds any; half a pair there is an error,
// never a reason to look further.
func (l *loader) findLogin() (foundLogin, *problem) {
	for i, p := range []place{l.fromFlags(), l.fromSystem(), l.fromFile()} {
		found, wrong := loginAt(p)
		if wrong != nil {
			return foundLogin{}, wrong
		}
		if found.Login == (agent.Login{}) {
			continue
		}
		found.byFlag = i == 0
		if (found.User == "") != (found.Password == "" && found.PasswordFile == "") {
			half := problemOf(errors.New("the broker's user and password: one is set without the other"))
			if l.file != nil && i == 2 {
				half.File = l.file.path
			}
			return foundLogin{}, &half
		}
		return found, nil
	}
	return foundLogin{}, nil
}

func loginAt(p place) (foundLogin, *problem) {
	var c hostConfig
	origins := map[string]string{}
	for _, s := range credentialSettings {
		values := p.value(s)
		if len(values) == 0 {
			continue
		}
		if err := s.set(&c, values); err != nil {
			wrong := p.problem(s, err)
			return foundLogin{}, &wrong
		}
		origins[s.name()] = p.origin(s)
	}
	return foundLogin{Login: loginOf(c.Config), origins: origins}, nil
}

func loginOf(c agent.Config) agent.Login {
	return agent.Login{
		Token: c.Token, TokenFile: c.TokenFile, User: c.User, Password: c.Password, PasswordFile: c.PasswordFile,
		NKeyFile: c.NKeyFile, CredsFile: c.CredsFile,
	}
}

// followed says who is asked at each connection, if it takes more than reading
// the files again: the registry may hold something else by then, and the
// configuration file may hold secrets itself. Nil: nobody else is.
func (l *loader) followed(found agent.Login, byFlag bool) agent.Credentials {
	var c agent.Credentials
	if l.hasStore && !byFlag {
		c = agent.LoginFrom(l.lookUpAgain)
	}
	if l.file != nil && l.fileHoldsSecrets() {
		if c == nil {
			c = found
		}
		c = besideFile{Credentials: c, paths: l.out.files}
	}
	return c
}

// lookUpAgain goes through the places as they are now. A registry that cannot be
// read is no reason to forget what else there is.
func (l *loader) lookUpAgain(context.Context) (agent.Login, error) {
	again := *l
	var unread error
	again.stored, unread = l.secrets()
	if unread != nil {
		again.stored = storedSecrets{}
	}
	found, wrong := again.findLogin()
	if wrong != nil {
		return agent.Login{}, wrong
	}
	if found.Login == (agent.Login{}) {
		return agent.Login{}, unread
	}
	return found.Login, nil
}

// besideFile has the agent look at the access rights of the configuration files.
type besideFile struct {
	agent.Credentials
	paths []string
}

func (b besideFile) SecretFiles() []string {
	files := slices.Clone(b.paths)
	if s, ok := b.Credentials.(interface{ SecretFiles() []string }); ok {
		files = append(files, s.SecretFiles()...)
	}
	return files
}

// fileHoldsSecrets: a password or a token in a URL.
func (l *loader) fileHoldsSecrets() bool {
	return slices.ContainsFunc(slices.Concat(l.file.get("agent.nats_url"), l.file.get("agent.servers"), l.file.get("agent.proxy")), func(address string) bool {
		u, err := url.Parse(address)
		return err == nil && u.User != nil
	})
}

func withPassword(address string) error {
	if u, err := url.Parse(address); err == nil && u.User != nil {
		return errors.New("user and password do not belong on a command line; use the variable or the file")
	}
	return nil
}

// remembered answers for the secret variables as the environment does now.
func remembered(lookup func(string) (string, bool)) func(string) (string, bool) {
	known := make(map[string]string)
	for _, name := range secretVariables {
		if value, found := lookup(name); found {
			known[name] = value
		}
	}
	return func(name string) (string, bool) {
		if slices.Contains(secretVariables, name) {
			value, found := known[name]
			return value, found
		}
		return lookup(name)
	}
}

// identified is the configuration with the options that say who connects.
func (l loaded) identified() (agent.Config, []agent.Option) {
	c := l.config.Config
	if l.credentials == nil {
		return c, nil
	}
	c.Token, c.TokenFile, c.User, c.Password, c.PasswordFile, c.NKeyFile, c.CredsFile = "", "", "", "", "", "", ""
	return c, []agent.Option{agent.WithCredentials(l.credentials)}
}

// fromSystem is the environment with the registry before it. The user pair is
// looked for as a whole, so that no half is completed from elsewhere. A fleet
// that moves from the token to users has both: the agent tries the user first,
// and the token where the broker does not know the user yet.
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
	fromRegistry := map[string]bool{
		"KANADE_NATS_TOKEN": l.stored.token != "", "KANADE_NATS_USER": l.stored.user != "", "KANADE_NATS_PASSWORD": l.stored.password != "",
	}
	origin := func(s setting) string {
		if fromRegistry[s.env] {
			return "registry"
		}
		return env.origin(s)
	}
	return place{origin: origin, problem: env.problem, value: func(s setting) []string {
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
