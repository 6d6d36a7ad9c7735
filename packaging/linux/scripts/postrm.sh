# What the agent has put beside its executable, to update itself.
staged() { rm -f "$home"/kanade-agent.new "$home"/kanade-agent.last-good "$home"/kanade-agent.old "$home"/kanade-agent.older "$home"/kanade-agent.*.tmp; }

forget() {
	rm -f "$home"/kanade-agent.update.json
	for dir in "$home" "${home%/bin}"; do
		if [ -d "$dir" ]; then rmdir "$dir" || true; fi
	done
}

removed() {
	if systemd_runs; then systemctl daemon-reload || failed 'read its units'; fi
	staged
}

# empty removes a folder that nothing is left in.
empty() {
	[ -d "$1" ] || return 0
	rmdir "$1" 2>/dev/null || echo "kanade-agent: $1 stays: what is in it is not the agent's"
}

# forget_state removes what agents make in their folder, as uninstall --purge does.
# FORMAT is last: what is left by a purge that was cut is known by it.
forget_state() {
	if [ -f "$state/FORMAT" ] && [ -f "$state/lock" ] && command -v flock >/dev/null && ! flock --nonblock "$state/lock" true; then
		echo "kanade-agent: $state stays: an agent runs there" >&2
		return 0
	fi
	if [ -f "$state/FORMAT" ]; then
		for name in outbox events-outbox obs-outbox inventory-outbox ledger settings schedule script_cache agent-scripts \
			inventory.json local_completions.json status.json goroutines.asked goroutines.txt lock FORMAT; do
			rm -rf "$state/$name.tmp" "$state/$name"
		done
	fi
	empty "$state"
}

forget_logs() {
	day='[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]'
	for file in "$logs"/agent.$day.log "$logs"/agent.$day.1.log; do
		if [ -f "$file" ]; then rm -f "$file"; fi
	done
	empty "$logs"
}

# elsewhere says what a purge does not look for.
elsewhere() {
	[ -f "$config" ] || return 0
	sed -n -e 's/^[[:space:]]*data_dir[[:space:]]*=[[:space:]]*//p' -e 's/^[[:space:]]*path[[:space:]]*=[[:space:]]*//p' "$config" |
		while read -r place; do
			case $place in
			[\"\']"$state"[\"\']* | [\"\']"$logs"/agent.log[\"\']*) ;;
			*) echo "kanade-agent: $place, named in $config, stays" ;;
			esac
		done
}

# purged leaves files of others, such as tokens in /etc/kanade, and says so.
purged() {
	staged
	forget
	elsewhere
	forget_state
	forget_logs
	rm -f /etc/kanade/release-keys/*.pub "$config"
	empty /etc/kanade/release-keys
	empty /etc/kanade
}

state=/var/lib/kanade
logs=/var/log/kanade
case $1 in
remove) removed ;;
purge) purged ;;
abort-install) rm -f "$comes_back" ;; # of preinst
0)
	removed
	forget
	echo "kanade-agent: $config, $state and $logs stay"
	;;
*) ;;
esac
