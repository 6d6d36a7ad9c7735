package agentcli

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/kanade-go/kanade/agent"
)

const (
	natsURLFlag = "nats-url"
	natsURLEnv  = "KANADE_NATS_URL"
)

// maxGrace leaves the rest of [stopBudget] to delivery.
const maxGrace = 10 * time.Second

// agentSettings stand in [agent], beside credentialSettings.
var agentSettings = []setting{
	{
		flag: "id", env: "KANADE_AGENT_ID", key: "agent.id", most: 256,
		help: "`name` of this host on the wire (pc_id); without a file: the host name",
		show: func(c hostConfig) string { return c.ID },
		set:  func(c *hostConfig, v []string) error { c.ID = last(v); return nil },
	},
	{
		flag: natsURLFlag, env: natsURLEnv, key: "agent.nats_url",
		more: "agent.servers",
		help: "broker `address`, such as nats://host:4222; repeat it for more servers of one cluster (in the file: [agent] servers)",
		show: func(c hostConfig) string { return strings.Join(maskedAll(c.Servers), ", ") },
		set:  func(c *hostConfig, v []string) error { c.Servers = v; return nil },
	},
	{
		flag: "data-dir", env: "KANADE_AGENT_DATA_DIR", key: "agent.data_dir",
		help: "`folder` for everything that must survive a restart",
		show: func(c hostConfig) string { return c.StateDir },
		set:  func(c *hostConfig, v []string) error { return absolute(&c.StateDir, v) },
	},
	{
		flag: "proxy", env: "KANADE_NATS_PROXY", key: "agent.proxy",
		help:  "`URL` of an HTTP proxy for the broker, or none; else wss:// and ws:// follow HTTPS_PROXY, HTTP_PROXY and NO_PROXY",
		show:  func(c hostConfig) string { return masked(string(c.Proxy)) },
		set:   func(c *hostConfig, v []string) error { c.Proxy = agent.Secret(last(v)); return nil },
		unfit: withPassword,
	},
	{
		flag: "concurrency", env: "KANADE_AGENT_CONCURRENCY", key: "agent.concurrency", kind: kindNumber,
		help: "`number` of scripts that run at once; 0: as many as there are CPUs",
		show: func(c hostConfig) string { return strconv.Itoa(c.Concurrency) },
		set:  func(c *hostConfig, v []string) error { return natural(&c.Concurrency, v) },
	},
	{
		flag: "grace", env: "KANADE_AGENT_GRACE", key: "agent.grace",
		help: "`duration` that running scripts get to end at a stop, such as 10s; at most 10s",
		show: func(c hostConfig) string { return c.Grace.String() },
		set:  func(c *hostConfig, v []string) error { return grace(&c.Grace, v) },
	},
}

func grace(into *time.Duration, values []string) error {
	d, err := time.ParseDuration(last(values))
	if err != nil || d < 0 || d > maxGrace {
		return fmt.Errorf("%s is not a duration from 0s to %v", quoted(last(values)), maxGrace)
	}
	*into = d
	return nil
}
