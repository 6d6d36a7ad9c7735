package natskit

import (
	"context"
	"fmt"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"
)

// Login is a [Source] of what is fixed or in files. Files are read whenever it
// is asked.
type Login struct {
	Token, TokenFile             string
	User, Password, PasswordFile string
	NKeyFile                     string // a seed
	CredsFile                    string // a user JWT and its seed
}

// maxSecretBytes bounds a file with a token or a password.
const maxSecretBytes = 64 << 10

// SecretFiles names what nobody else should be able to read.
func (l Login) SecretFiles() []string {
	var files []string
	for _, file := range []string{l.TokenFile, l.PasswordFile, l.NKeyFile, l.CredsFile} {
		if file != "" {
			files = append(files, file)
		}
	}
	return files
}

// Options reads the files, which must be regular ones, until ctx ends. An error names
// the file.
func (l Login) Options(ctx context.Context) ([]nats.Option, error) {
	var opts []nats.Option
	for _, kind := range []func(context.Context) (nats.Option, error){l.user, l.token, l.nkey, l.creds} {
		opt, err := kind(ctx)
		if err != nil {
			return nil, err
		}
		if opt != nil {
			opts = append(opts, opt)
		}
	}
	return opts, nil
}

func (l Login) token(ctx context.Context) (nats.Option, error) {
	token, err := secret(ctx, l.Token, l.TokenFile)
	if err != nil || token == "" {
		return nil, wrap("token", err)
	}
	return nats.Token(token), nil
}

func (l Login) user(ctx context.Context) (nats.Option, error) {
	if l.User == "" {
		return nil, nil
	}
	password, err := secret(ctx, l.Password, l.PasswordFile)
	if err != nil {
		return nil, wrap("password", err)
	}
	return nats.UserInfo(l.User, password), nil
}

func (l Login) nkey(ctx context.Context) (nats.Option, error) {
	if l.NKeyFile == "" {
		return nil, nil
	}
	key, err := readSeed(ctx, l.NKeyFile)
	if err != nil {
		return nil, err
	}
	defer key.Wipe()
	public, err := key.PublicKey()
	if err != nil || !nkeys.IsValidPublicUserKey(public) {
		return nil, fmt.Errorf("nkey seed from %s: it is not that of a user", l.NKeyFile)
	}
	return nats.Nkey(public, l.signWithSeed), nil
}

// signWithSeed keeps no seed in memory between two logins.
func (l Login) signWithSeed(nonce []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), dialTimeout)
	defer cancel()
	key, err := readSeed(ctx, l.NKeyFile)
	if err != nil {
		return nil, err
	}
	defer key.Wipe()
	return key.Sign(nonce)
}

func readSeed(ctx context.Context, file string) (nkeys.KeyPair, error) {
	text, err := secret(ctx, "", file)
	if err != nil {
		return nil, wrap("nkey seed", err)
	}
	key, err := nkeys.ParseDecoratedNKey([]byte(text))
	if err != nil {
		return nil, fmt.Errorf("nkey seed from %s: %w", file, err)
	}
	return key, nil
}

// creds looks at the file now, so that a wrong one is reported by its name.
func (l Login) creds(ctx context.Context) (nats.Option, error) {
	if l.CredsFile == "" {
		return nil, nil
	}
	found, err := readCreds(ctx, l.CredsFile)
	if err != nil {
		return nil, err
	}
	found.key.Wipe()
	return nats.UserJWT(l.userJWT, l.signNonce), nil
}

// credsNow is for nats.go in the middle of a login, which gives no context.
func (l Login) credsNow() (creds, error) {
	ctx, cancel := context.WithTimeout(context.Background(), dialTimeout)
	defer cancel()
	return readCreds(ctx, l.CredsFile)
}

func (l Login) userJWT() (string, error) {
	found, err := l.credsNow()
	if err != nil {
		return "", err
	}
	found.key.Wipe()
	return found.jwt, nil
}

func (l Login) signNonce(nonce []byte) ([]byte, error) {
	found, err := l.credsNow()
	if err != nil {
		return nil, err
	}
	defer found.key.Wipe()
	return found.key.Sign(nonce)
}

func secret(ctx context.Context, value, file string) (string, error) {
	if file == "" {
		return value, nil
	}
	data, err := readFile(ctx, file, maxSecretBytes)
	if err != nil {
		return "", err
	}
	text := strings.TrimSpace(string(data))
	if text == "" {
		return "", fmt.Errorf("%s: the file is empty", file)
	}
	return text, nil
}

func wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}
