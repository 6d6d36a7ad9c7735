package agentcli

import (
	"context"
	"errors"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent"
)

// asked is what credentials answer now.
func asked(t *testing.T, c agent.Credentials) nats.Options {
	t.Helper()
	opts, err := c.Options(t.Context())
	require.NoError(t, err)
	var o nats.Options
	for _, opt := range opts {
		require.NoError(t, opt(&o))
	}
	return o
}

// The registry is asked at each connection, with what the environment held at
// the start behind it.
func TestTheRegistryIsAskedAgain(t *testing.T) {
	t.Parallel()
	env := map[string]string{"KANADE_NATS_TOKEN": "of the environment"}
	around := testSurroundings(t, env)
	stored, failure := storedSecrets{}, error(nil)
	around.hasStore = true
	around.secrets = func() (storedSecrets, error) { return stored, failure }
	found, err := load(flagged("nats-url", "nats://h"), around)
	require.NoError(t, err)
	delete(env, "KANADE_NATS_TOKEN") // as the verb run does
	config, opts := found.identified()
	require.Equal(t, agent.Login{}, loginOf(config))
	require.Len(t, opts, 1)
	_, err = agent.New(config, opts...)
	require.NoError(t, err)

	require.Equal(t, "of the environment", asked(t, found.credentials).Token)
	stored = storedSecrets{token: "rotated"}
	require.Equal(t, "rotated", asked(t, found.credentials).Token)
	stored = storedSecrets{user: "u", password: "p", token: "rotated"}
	both := asked(t, found.credentials)
	require.Equal(t, []string{"u", "p", "rotated"}, []string{both.User, both.Password, both.Token})
	stored = storedSecrets{user: "u"}
	_, err = found.credentials.Options(t.Context())
	require.ErrorContains(t, err, "without the other")
	failure = errors.New("access is denied")
	require.Equal(t, "of the environment", asked(t, found.credentials).Token)
}

func TestARegistryWithoutAlternativeIsAnError(t *testing.T) {
	t.Parallel()
	around := testSurroundings(t, nil)
	around.hasStore = true
	around.secrets = func() (storedSecrets, error) { return storedSecrets{}, errors.New("access is denied") }
	found, err := load(flagged("nats-url", "nats://h"), around)
	require.NoError(t, err)
	_, err = found.credentials.Options(context.Background())
	require.ErrorContains(t, err, "access is denied")
}

func TestFlagsKeepTheRegistryOut(t *testing.T) {
	t.Parallel()
	around := testSurroundings(t, nil)
	around.hasStore = true
	found, err := load(flagged("nats-url", "nats://h", "creds-file", "/c"), around)
	require.NoError(t, err)
	require.Nil(t, found.credentials)
	config, opts := found.identified()
	require.Equal(t, abs(t, "/c"), config.CredsFile)
	require.Empty(t, opts)
}

// A file that holds a password in a URL is one of those that nobody else should
// be able to read.
func TestAConfigurationFileWithAPasswordIsASecretFile(t *testing.T) {
	t.Parallel()
	type namer interface{ SecretFiles() []string }
	for name, tc := range map[string]struct {
		keys string
		also []string
	}{
		"in a server": {keys: "nats_url='nats://u:p@h'\n"},
		"a token":     {keys: "nats_url='nats://t0ken@h'\n"},
		"in a proxy":  {keys: "nats_url='wss://h'\nproxy='http://u:p@proxy'\ntoken_file='/t'\n", also: []string{abs(t, "/t")}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := writeFile(t, "agent.toml", "[agent]\nid='a'\n"+tc.keys+"[log]\npath='/x/a.log'\nlevel='info'\n")
			found, err := load(flagged("config", path), testSurroundings(t, nil))
			require.NoError(t, err)
			require.Equal(t, append([]string{path}, tc.also...), found.credentials.(namer).SecretFiles())
			config, opts := found.identified()
			_, err = agent.New(config, opts...)
			require.NoError(t, err)
		})
	}
	found, err := load(flagged("config", writeFile(t, "agent.toml", minimalFile)), testSurroundings(t, nil))
	require.NoError(t, err)
	require.Nil(t, found.credentials)
}

func TestNoProxyPasswordOnTheCommandLine(t *testing.T) {
	t.Parallel()
	_, err := load(flagged("nats-url", "wss://h", "proxy", "http://u:s3cret@proxy:3128"), testSurroundings(t, nil))
	require.ErrorContains(t, err, "--proxy: ")
	require.NotContains(t, err.Error(), "s3cret")
	found, err := load(flagged("nats-url", "wss://h"), testSurroundings(t, map[string]string{"KANADE_NATS_PROXY": "http://u:s3cret@proxy:3128"}))
	require.NoError(t, err)
	require.Equal(t, agent.Secret("http://u:s3cret@proxy:3128"), found.config.Proxy)
}
