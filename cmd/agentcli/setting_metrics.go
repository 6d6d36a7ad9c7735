package agentcli

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
)

// metricsSettings stand in [metrics].
var metricsSettings = []setting{
	{
		flag: "metrics-addr", env: "KANADE_METRICS_ADDR", key: "metrics.listen",
		help: "loopback `address`, such as 127.0.0.1:9464, at which metrics are served; default: nowhere",
		show: func(c hostConfig) string { return c.Metrics },
		set: func(c *hostConfig, v []string) error {
			c.Metrics = last(v)
			return loopback(c.Metrics)
		},
	},
}

// loopback refuses what programs of other hosts could reach: there is no password.
func loopback(address string) error {
	if address == "" {
		return nil
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("%s is no address such as 127.0.0.1:9464", quoted(address))
	}
	if ip, err := netip.ParseAddr(host); host != "localhost" && (err != nil || !ip.IsLoopback()) {
		return fmt.Errorf("%s: only a loopback address such as 127.0.0.1 is served, or others could read it", quoted(address))
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return fmt.Errorf("%s: the port must be a number from 0 to 65535", quoted(address))
	}
	return nil
}
