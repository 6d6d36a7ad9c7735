# What the agent has put beside its executable, to update itself.
staged() { rm -f "$home"/kanade-agent.new "$home"/kanade-agent.last-good "$home"/kanade-agent.old "$home"/kanade-agent.*.tmp; }

forget() {
	rm -f "$home"/kanade-agent.update.json
	for dir in "$home" "${home%/bin}"; do
		if [ -d "$dir" ]; then rmdir "$dir" || true; fi
	done
}

removed() {
	if systemd_runs; then systemctl daemon-reload; fi
	staged
}

# purged leaves files of others in /etc/kanade, such as tokens, and says so.
purged() {
	staged
	forget
	rm -rf /var/lib/kanade /var/log/kanade /etc/kanade/release-keys "$config"
	if [ -d /etc/kanade ]; then rmdir /etc/kanade || true; fi
}

case $1 in
remove) removed ;;
purge) purged ;;
0)
	removed
	forget
	echo "kanade-agent: $config, /var/lib/kanade and /var/log/kanade stay"
	;;
*) ;;
esac
