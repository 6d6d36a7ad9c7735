package agent

import (
	"context"
	"errors"
	"sync"

	"github.com/nats-io/nats.go"

	"github.com/kanade-go/kanade/agent/internal/natskit"
)

// Credentials say as whom the agent connects. They are asked before every
// attempt to connect, so that what is new counts without a restart; an error is
// logged and the attempt fails, and the next one asks again.
//
// The options may be those of nats.go that name a user or set up TLS: Token,
// TokenHandler, UserInfo, UserInfoHandler, Nkey, NkeyOptionFromSeed, UserJWT,
// UserCredentials, Secure, RootCAs, ClientCert and their like. Others have no
// effect. If both a token and a user come, the user is tried first and the token
// when the broker refuses the user. What they say about TLS replaces
// [Config].TLS.
//
// Options must return when ctx ends, after 5 s at the latest: meanwhile the
// connection is locked. It must not use the connection. An additional method
// SecretFiles() []string names files that nobody else should be able to read;
// the agent warns once about each that others can.
type Credentials interface {
	Options(ctx context.Context) ([]nats.Option, error)
}

// Login is at most one kind of credentials: a token, a user with its password,
// an NKey seed or a .creds file; besides a user, a token for brokers that do not
// know the user yet. The zero value is a connection without any. It is a
// [Credentials] that reads its files whenever it is asked: they may be rotated,
// and need not be there yet.
type Login struct {
	Token     Secret
	TokenFile string // instead of Token

	User         string
	Password     Secret
	PasswordFile string // instead of Password

	NKeyFile  string // a seed (SU…)
	CredsFile string // a user JWT and its seed, as nsc writes it
}

// Options reads the files. Its errors name the file, never what is in it.
func (l Login) Options(ctx context.Context) ([]nats.Option, error) {
	if err := l.validate(); err != nil {
		return nil, err
	}
	return l.kit().Options(ctx)
}

// SecretFiles names the files that are set.
func (l Login) SecretFiles() []string { return l.kit().SecretFiles() }

func (l Login) kit() natskit.Login {
	return natskit.Login{
		Token: string(l.Token), TokenFile: l.TokenFile,
		User: l.User, Password: string(l.Password), PasswordFile: l.PasswordFile,
		NKeyFile: l.NKeyFile, CredsFile: l.CredsFile,
	}
}

func (l Login) validate() error {
	token, password := l.Token != "" || l.TokenFile != "", l.Password != "" || l.PasswordFile != ""
	pair, half := l.User != "" && password, (l.User != "") != password
	kinds := 0
	for _, given := range []bool{token || pair, half, l.NKeyFile != "", l.CredsFile != ""} {
		if given {
			kinds++
		}
	}
	var errs []error
	if kinds > 1 {
		errs = append(errs, configError("more than one kind of credentials; give a token, or user and password, or an nkey file, or a creds file"))
	}
	if half {
		errs = append(errs, configError("user and password: one is set without the other"))
	}
	if l.Token != "" && l.TokenFile != "" {
		errs = append(errs, configError("token and token file: give one of them"))
	}
	if l.Password != "" && l.PasswordFile != "" {
		errs = append(errs, configError("password and password file: give one of them"))
	}
	return errors.Join(errs...)
}

// LoginFrom is a [Credentials] for logins that are looked up, in a registry or a
// vault. The function is called before every attempt to connect.
func LoginFrom(lookUp func(context.Context) (Login, error)) Credentials {
	return &lookedUp{lookUp: lookUp}
}

type lookedUp struct {
	lookUp func(context.Context) (Login, error)
	mu     sync.Mutex
	files  []string // of the last login
}

func (l *lookedUp) Options(ctx context.Context) ([]nats.Option, error) {
	login, err := l.lookUp(ctx)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	l.files = login.SecretFiles()
	l.mu.Unlock()
	return login.Options(ctx)
}

func (l *lookedUp) SecretFiles() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.files
}

// WithCredentials sets who is asked as whom to connect. Config must then name
// nobody, and the agent must dial by itself.
func WithCredentials(c Credentials) Option {
	return func(o *options) error {
		o.credentials = c
		return given("credentials", c != nil)
	}
}

// login is what the configuration says of [Credentials].
func (c Config) login() Login {
	return Login{
		Token: c.Token, TokenFile: c.TokenFile, User: c.User, Password: c.Password, PasswordFile: c.PasswordFile,
		NKeyFile: c.NKeyFile, CredsFile: c.CredsFile,
	}
}

// identity checks that there is at most one answer to who connects.
func (o *options) identity(cfg Config) error {
	switch {
	case o.credentials == nil:
		return nil
	case cfg.login() != Login{}:
		return configError("credentials are given twice: in the configuration and by WithCredentials")
	case o.conn != nil || o.transport != nil:
		return configError("WithCredentials has no effect on a connection that is brought along")
	}
	return nil
}
