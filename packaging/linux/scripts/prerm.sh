removed() {
	if systemd_runs; then control stop || failed 'stop the service'; fi
	if command -v systemctl >/dev/null; then systemctl --quiet disable "$unit" 2>/dev/null || true; fi
	# Written by kanade-agent install, for this program.
	own=/etc/systemd/system/$unit
	if grep -q "^ExecStart=\"\?$home/kanade-agent" "$own" 2>/dev/null; then rm -f "$own"; fi
}

case $1 in
remove | 0) removed ;;
*) ;; # an upgrade leaves it running, until the new one is there
esac
