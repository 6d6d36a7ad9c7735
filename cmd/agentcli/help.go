package agentcli

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

func (t tree) rootHelp() string {
	return fmt.Sprintf(`%s

Without a verb it runs the agent.

%s

%s

%s`, t.brand.Description, t.configHelp(), credentialsHelp, exitCodeHelp)
}

func (t tree) configHelp() string {
	return fmt.Sprintf(`Configuration:
  The file is the first of --%s, %s and
  %s. No file is needed if the broker is given with
  --%s or %s. A flag wins over its variable, that over the file,
  that over the default. In the file, [agent] id, [agent] nats_url, [log] path
  and [log] level are required:

    [agent]
    id = '{{ system.host }}'
    nats_url = 'nats://broker.example:4222'

    [log]
    path = '%s'
    level = 'info'

  Other keys: [log] keep_days; [tls] ca, cert, key; [vars] for values that
  {{ vars.x }} repeats; include = ['common.toml'] for files that come before this
  one; [agent] %s;
  [update] releases, keys; [klp] path, mode; [metrics] listen; [scripts] cpu,
  memory, processes, low_priority, cgroup. Those without a flag have a variable:
  %s.
  The file is rendered first: {{ system.host }} (os, arch, user, cwd),
  {{ env(name="X", default="y") }}, {{ home() }}, {{ vars.x }},
  {%% if is_windows() %%}…{%% elif is_mac() %%}…{%% else %%}…{%% endif %%}, {# #}.`,
		configFlag, configEnv, filepath.Join(t.around.dirs.config, configName),
		natsURLFlag, natsURLEnv, filepath.Join(t.around.dirs.logs, "agent.log"), strings.Join(ownAgentKeys(), ", "), strings.Join(flagless(), ", "))
}

// ownAgentKeys are the keys of [agent] that have a flag or variable besides.
func ownAgentKeys() []string {
	keys := []string{"servers"}
	for _, s := range slices.Concat(plainSettings, credentialSettings) {
		key, found := strings.CutPrefix(s.key, "agent.")
		if found && key != "id" && key != "nats_url" {
			keys = append(keys, key)
		}
	}
	return keys
}

// flagless are the variables of settings that have no flag.
func flagless() []string {
	var names []string
	for _, s := range plainSettings {
		if s.flag == "" {
			names = append(names, s.env)
		}
	}
	return names
}

const credentialsHelp = `Credentials:
  At most one kind: a token, a user with its password, an NKey or a creds file;
  beside a user, a token for brokers that do not know the user yet. Files and the
  registry are read again at each connection: what is rotated needs no restart.
  The first place that holds any counts: flags, then the environment
  (KANADE_NATS_TOKEN, KANADE_NATS_USER with KANADE_NATS_PASSWORD, ...; Windows
  looks into HKLM\SOFTWARE\kanade\agent before it: NatsToken, NatsUser,
  NatsPassword), then the file. No secret is ever given as a flag.`

const exitCodeHelp = `Exit codes:
  0    stopped cleanly, or the verb did its work
  1    bad configuration, the agent ended by itself, or the verb failed
  2    unknown verb or flag
  3    status: no agent runs; the service is installed
  4    status: no agent runs; no service is installed, or that cannot be told;
       start, stop, restart, uninstall: no service is installed
  5    outbox fsck: something was found that is not repaired; doctor: a FAIL;
       inventory: a section is missing
  6    status: an agent runs, but is not healthy
  7    install, uninstall, start, stop, restart: only an administrator can do this
  64   the executable was replaced: start it again
  130  a second signal ended it before the stop was complete`

func (t tree) rootExamples() string {
	return t.examples(
		"run --config /etc/kanade/agent.toml",
		"--nats-url nats://127.0.0.1:4222 --id lab-1 --data-dir ./state",
		"install --nats-url nats://broker.example:4222 --start",
		"doctor",
		"config check",
		"status --json",
	)
}

// examples puts the program's name before each line; %[1]s stands for it.
func (t tree) examples(lines ...string) string {
	for i, line := range lines {
		lines[i] = "  " + t.brand.Use + " " + strings.ReplaceAll(line, "%[1]s", t.brand.Use)
	}
	return strings.Join(lines, "\n")
}
