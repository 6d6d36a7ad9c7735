#!/bin/sh
# Of the package kanade-agent, for dpkg and for rpm: dpkg says in words what happens,
# rpm how many versions there will be.
set -eu
unit=kanade-agent.service
home=/opt/kanade-agent/bin
config=/etc/kanade/agent.toml
comes_back=/run/kanade-agent.installed

# Without systemd (a container, an image that is built) nothing is started or stopped.
systemd_runs() { [ -d /run/systemd/system ] && command -v systemctl >/dev/null; }

# allowed: who builds an image on Debian forbids starts by this program.
allowed() {
	[ -x /usr/sbin/policy-rc.d ] || return 0
	answer=0
	/usr/sbin/policy-rc.d kanade-agent "$1" || answer=$?
	[ "$answer" -ne 101 ]
}

# failed: a package is not half installed because its service does not start or stop.
failed() { echo "kanade-agent: systemd could not $1; see: systemctl status $unit; journalctl -u $unit" >&2; }

# control has systemd do something with the agent. If a command of the agent has called
# dpkg or rpm, that would end them in the middle: then it waits until the command ends.
control() {
	if grep -q "/$unit\(/\|\$\)" /proc/self/cgroup 2>/dev/null; then
		echo "kanade-agent: $1 when the command ends that this is part of"
		later "$1"
	else
		systemctl "$1" "$unit"
	fi
}

# later: at most an hour. One that waits already is enough.
later() {
	systemctl is-active --quiet "kanade-agent-$1" && return 0
	systemd-run --quiet --unit="kanade-agent-$1" /bin/sh -c \
		'n=0; while [ -d "/proc/$1" ] && [ "$n" -lt 3600 ]; do n=$((n + 1)); sleep 1; done; exec systemctl "$2" "$3"' \
		sh "$(command_of_agent)" "$1" "$unit"
}

# command_of_agent is the process below the agent that this script descends from.
command_of_agent() {
	agent=$(systemctl show --property=MainPID "$unit" | sed 's/.*=//')
	pid=$$
	while parent=$(sed -n 's/^PPid:[[:space:]]*//p' "/proc/$pid/status") && [ "$parent" -gt 1 ] && [ "$parent" != "$agent" ]; do
		pid=$parent
	done
	echo "$pid"
}

