package agentcli

// tlsSettings stand in [tls].
var tlsSettings = []setting{
	{
		flag: "tls-ca", env: "KANADE_NATS_TLS_CA", key: "tls.ca",
		help: "`file` with the certificate authorities that the broker is checked against",
		show: func(c hostConfig) string { return c.TLS.CAFile },
		set:  func(c *hostConfig, v []string) error { return absolute(&c.TLS.CAFile, v) },
	},
	{
		flag: "tls-cert", env: "KANADE_NATS_TLS_CERT", key: "tls.cert",
		help: "`file` with this host's certificate",
		show: func(c hostConfig) string { return c.TLS.CertFile },
		set:  func(c *hostConfig, v []string) error { return absolute(&c.TLS.CertFile, v) },
	},
	{
		flag: "tls-key", env: "KANADE_NATS_TLS_KEY", key: "tls.key",
		help: "`file` with the key of that certificate",
		show: func(c hostConfig) string { return c.TLS.KeyFile },
		set:  func(c *hostConfig, v []string) error { return absolute(&c.TLS.KeyFile, v) },
	},
}
