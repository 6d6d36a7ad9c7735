package agentcli

import "strconv"

// logSettings stand in [log], beside levelSetting.
var logSettings = []setting{
	{
		flag: "log-file", env: "KANADE_LOG_FILE", key: "log.path",
		help: "`path` of the log; dir/stem.ext writes dir/stem.2026-01-31.ext, one file a day (UTC)",
		show: func(c hostConfig) string { return c.LogFile },
		set:  func(c *hostConfig, v []string) error { return absolute(&c.LogFile, v) },
	},
	{
		flag: "log-keep-days", env: "KANADE_LOG_KEEP_DAYS", key: "log.keep_days", kind: kindNumber,
		help: "`number` of daily log files to keep; 0: write none",
		show: func(c hostConfig) string { return strconv.Itoa(c.LogKeepDays) },
		set:  func(c *hostConfig, v []string) error { return natural(&c.LogKeepDays, v) },
	},
}

// levelSetting stands apart: RUST_LOG comes between the environment and the
// file, and both of these may hold parts that mean nothing here.
var levelSetting = setting{
	flag: "log-level", env: "KANADE_LOG_LEVEL", key: "log.level",
	help: "`level`: trace, debug, info, warn, error, off; or a filter such as warn,kanade_agent=debug (also RUST_LOG)",
	show: func(c hostConfig) string { return levelName(c.LogLevel) },
	set: func(c *hostConfig, v []string) (err error) {
		c.LogLevel, err = strictLevel(last(v))
		return err
	},
}
