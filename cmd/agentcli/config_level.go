package agentcli

// level takes log.level, from wherever it is given.
func (l *loader) level() {
	for _, p := range []place{l.fromFlags(), l.fromEnv()} {
		if l.take(levelSetting, p) {
			return
		}
	}
	if level, ok := filterLevel(l.env("RUST_LOG")); ok {
		l.out.config.LogLevel = level
		l.out.origins[levelSetting.name()] = "variable RUST_LOG"
		return
	}
	if filter := l.fromFile().value(levelSetting); len(filter) > 0 {
		level, ok := filterLevel(last(filter))
		if !ok {
			l.warn(l.file.problem(levelSetting.key, "log.level holds no level for this program; info is used"))
		}
		l.out.config.LogLevel = level
		l.out.origins[levelSetting.name()] = l.file.origin(levelSetting.key)
	}
}
