package agentcli

import "github.com/kanade-go/kanade/agent"

// credentialSettings are judged together, place by place: the first place that
// holds any is the one that counts.
var credentialSettings = []setting{
	{
		flag: "token-file", key: "agent.token_file",
		help: "`file` with the broker's token (the token itself: env KANADE_NATS_TOKEN)",
		show: func(c hostConfig) string { return c.TokenFile },
		set:  func(c *hostConfig, v []string) error { return absolute(&c.TokenFile, v) },
	},
	{
		env:  "KANADE_NATS_TOKEN",
		show: func(c hostConfig) string { return secret(string(c.Token)) },
		set:  func(c *hostConfig, v []string) error { c.Token = agent.Secret(last(v)); return nil },
	},
	{
		flag: "user", env: "KANADE_NATS_USER", key: "agent.user",
		help: "`name` of the broker's user; needs its password",
		show: func(c hostConfig) string { return c.User },
		set:  func(c *hostConfig, v []string) error { c.User = last(v); return nil },
	},
	{
		flag: "password-file", key: "agent.password_file",
		help: "`file` with that user's password (the password itself: env KANADE_NATS_PASSWORD)",
		show: func(c hostConfig) string { return c.PasswordFile },
		set:  func(c *hostConfig, v []string) error { return absolute(&c.PasswordFile, v) },
	},
	{
		env:  "KANADE_NATS_PASSWORD",
		show: func(c hostConfig) string { return secret(string(c.Password)) },
		set:  func(c *hostConfig, v []string) error { c.Password = agent.Secret(last(v)); return nil },
	},
	{
		flag: "nkey-file", env: "KANADE_NATS_NKEY_FILE", key: "agent.nkey_file",
		help: "`file` with an NKey seed",
		show: func(c hostConfig) string { return c.NKeyFile },
		set:  func(c *hostConfig, v []string) error { return absolute(&c.NKeyFile, v) },
	},
	{
		flag: "creds-file", env: "KANADE_NATS_CREDS_FILE", key: "agent.creds_file",
		help: "`file` with a user JWT and its seed, as nsc writes it",
		show: func(c hostConfig) string { return c.CredsFile },
		set:  func(c *hostConfig, v []string) error { return absolute(&c.CredsFile, v) },
	},
}
