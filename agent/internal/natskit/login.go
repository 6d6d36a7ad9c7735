package natskit

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/nats-io/nats.go"
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

// Options reads the files. An error names the file.
func (l Login) Options(context.Context) ([]nats.Option, error) {
	var opts []nats.Option
	for _, kind := range []func() (nats.Option, error){l.user, l.token, l.nkey, l.creds} {
		opt, err := kind()
		if err != nil {
			return nil, err
		}
		if opt != nil {
			opts = append(opts, opt)
		}
	}
	return opts, nil
}

func (l Login) token() (nats.Option, error) {
	token, err := secret(l.Token, l.TokenFile)
	if err != nil || token == "" {
		return nil, wrap("token", err)
	}
	return nats.Token(token), nil
}

func (l Login) user() (nats.Option, error) {
	if l.User == "" {
		return nil, nil
	}
	password, err := secret(l.Password, l.PasswordFile)
	if err != nil {
		return nil, wrap("password", err)
	}
	return nats.UserInfo(l.User, password), nil
}

func (l Login) nkey() (nats.Option, error) {
	if l.NKeyFile == "" {
		return nil, nil
	}
	opt, err := nats.NkeyOptionFromSeed(l.NKeyFile)
	if err != nil {
		return nil, fmt.Errorf("nkey seed from %s: %w", l.NKeyFile, err)
	}
	return opt, nil
}

// creds looks at the file now, so that a wrong one is reported by its name.
func (l Login) creds() (nats.Option, error) {
	if l.CredsFile == "" {
		return nil, nil
	}
	if _, err := readCreds(l.CredsFile); err != nil {
		return nil, err
	}
	return nats.UserJWT(l.userJWT, l.signNonce), nil
}

func (l Login) userJWT() (string, error) {
	found, err := readCreds(l.CredsFile)
	if err != nil {
		return "", err
	}
	found.key.Wipe()
	return found.jwt, nil
}

func (l Login) signNonce(nonce []byte) ([]byte, error) {
	found, err := readCreds(l.CredsFile)
	if err != nil {
		return nil, err
	}
	defer found.key.Wipe()
	return found.key.Sign(nonce)
}

func secret(value, file string) (string, error) {
	if file == "" {
		return value, nil
	}
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }() // only read
	data, err := io.ReadAll(io.LimitReader(f, maxSecretBytes+1))
	text := strings.TrimSpace(string(data))
	switch {
	case err != nil:
		return "", err
	case len(data) > maxSecretBytes:
		return "", fmt.Errorf("%s: larger than %d bytes", file, maxSecretBytes)
	case text == "":
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
