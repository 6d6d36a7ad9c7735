package agentcli

import (
	"io"
	"net/url"
	"os"
	"slices"
	"strings"
)

// maxSecretFile bounds what is read of a file with a secret, to know it.
const maxSecretFile = 64 << 10

// secretName is a variable that may hold a secret.
var secretName = pattern(`(?i)token|secret|passw|passphrase|pwd|credential|api_?key|private|proxy|_url$|_uri$|_dsn$`)

// knownSecrets are those that this host has, as far as this user may read them.
func knownSecrets(c hostConfig, around surroundings, environment []string) (all []string) {
	all = append(all, string(c.Token), string(c.Password))
	for _, address := range append(slices.Clone(c.Servers), string(c.Proxy)) {
		all = append(all, userinfoOf(address)...)
	}
	for _, path := range []string{c.TokenFile, c.PasswordFile, c.NKeyFile, c.CredsFile, c.TLS.KeyFile} {
		all = append(all, secretsIn(path)...)
	}
	if stored, err := around.secrets(); err == nil {
		all = append(all, stored.token, stored.password)
	}
	for _, name := range append(slices.Clone(secretVariables), natsURLEnv) {
		value, _ := around.lookupEnv(name)
		all = append(append(all, userinfoOf(value)...), notAddress(value)...)
	}
	for _, entry := range environment {
		name, value, _ := strings.Cut(entry, "=")
		if secretName().MatchString(name) {
			all = append(append(all, userinfoOf(value)...), notAddress(value)...)
		}
	}
	return all
}

// notAddress keeps addresses, which are no secret but for what userinfoOf finds.
func notAddress(value string) []string {
	if strings.Contains(value, "://") {
		return nil
	}
	return []string{value}
}

// userinfoOf is what stands before the @ of a URL: as a whole, and the secret alone. An
// address that cannot be parsed has one, too.
func userinfoOf(address string) []string {
	_, rest, found := strings.Cut(address, "://")
	if !found {
		rest = address
	}
	at := strings.LastIndexByte(rest, '@')
	if at < 0 {
		return nil
	}
	user, password, pair := strings.Cut(rest[:at], ":")
	secret := user // a token
	if pair {
		secret = password
	}
	all := []string{rest[:at], secret}
	if plain, err := url.PathUnescape(secret); err == nil {
		all = append(all, plain)
	}
	return all
}

// secretsIn are the lines of a file that are no headings. A file that cannot be read
// has told nobody.
func secretsIn(path string) (lines []string) {
	if path == "" {
		return nil
	}
	// A pipe is waited for when it is opened.
	if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
		return nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer func() { _ = f.Close() }() // only read
	data, err := io.ReadAll(io.LimitReader(f, maxSecretFile))
	if err != nil {
		return nil
	}
	for line := range strings.Lines(string(data)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "-") && !strings.HasPrefix(line, "*") {
			lines = append(lines, line)
		}
	}
	return lines
}
