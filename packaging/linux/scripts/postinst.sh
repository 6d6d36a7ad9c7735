first() {
	if command -v systemctl >/dev/null; then
		systemctl --quiet enable "$unit" || echo "kanade-agent: the service does not start with the host; see above" >&2
	fi
	if [ ! -e "$config" ]; then
		echo "kanade-agent: the service starts once there is $config; an example is in /usr/share/doc/kanade-agent/examples"
	elif systemd_runs && allowed start; then
		control start || failed 'start the service'
	fi
}

upgraded() {
	if systemd_runs && allowed restart; then
		control try-restart || failed 'restart the service'
	fi
}

if systemd_runs; then systemctl daemon-reload || failed 'read its units'; fi
case $1 in
configure) if [ -n "${2:-}" ] && [ ! -e "$comes_back" ]; then upgraded; else first; fi ;; # with the version before
abort-*) ;;
1) first ;;
*) upgraded ;;
esac
rm -f "$comes_back"
