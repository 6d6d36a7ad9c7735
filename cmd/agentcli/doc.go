// Package agentcli is the command line of kanade: the tree of verbs, the
// configuration file and its templates, logging, and life under a service
// manager. The binary kanade-agent is [Main] and nothing else; a program of
// your own gets the same under its own name:
//
//	func main() {
//		os.Exit(agentcli.Main(agentcli.Brand{Use: "acme-agent", Version: "1.4.0"}))
//	}
//
// or hangs the tree under a command that it already has with [NewCommand].
// Options go to every agent that is made, so a binary can bring its own
// handlers, runner or verifier.
//
// # Configuration
//
// The file is the first of: --config, KANADE_AGENT_CONFIG, agent.toml in
// /etc/kanade (Windows: %ProgramData%\Kanade\config). No file is needed if the
// broker is given by --nats-url or KANADE_NATS_URL. Each setting comes from
// its flag, else from its variable, else from the file, else it has its
// default:
//
//	flag             variable                  file
//	--id             KANADE_AGENT_ID           [agent] id             required in a file
//	--nats-url       KANADE_NATS_URL           [agent] nats_url       required in a file
//	--nats-url …     -                         [agent] servers        more servers of the cluster
//	--data-dir       KANADE_AGENT_DATA_DIR     [agent] data_dir       /var/lib/kanade, %ProgramData%\Kanade\data
//	--concurrency    KANADE_AGENT_CONCURRENCY  [agent] concurrency    number of CPUs
//	--grace          KANADE_AGENT_GRACE        [agent] grace          10s, at most 10s
//	--tls-ca         KANADE_NATS_TLS_CA        [tls] ca               the system's authorities
//	--tls-cert       KANADE_NATS_TLS_CERT      [tls] cert             none
//	--tls-key        KANADE_NATS_TLS_KEY       [tls] key              none
//	--proxy          KANADE_NATS_PROXY         [agent] proxy          HTTPS_PROXY, HTTP_PROXY, NO_PROXY for wss:// and ws://
//	--log-file       KANADE_LOG_FILE           [log] path             required in a file
//	--log-level      KANADE_LOG_LEVEL,         [log] level            required in a file
//	                 then RUST_LOG
//	--log-keep-days  KANADE_LOG_KEEP_DAYS      [log] keep_days        14
//	--update         KANADE_UPDATE             [update] releases      signed if there is a key, else any
//	--update-keys    KANADE_UPDATE_KEYS        [update] keys          release-keys beside the configuration's usual place
//	--klp            KANADE_KLP                [klp] path             /run/kanade/agent.sock, \\.\pipe\kanade-agent
//	-                KANADE_KLP_MODE           [klp] mode             0660
//	-                KANADE_SCRIPTS_CPU        [scripts] cpu          no limit
//	-                KANADE_SCRIPTS_MEMORY     [scripts] memory       no limit
//	-                KANADE_SCRIPTS_PROCESSES  [scripts] processes    no limit
//	-                KANADE_SCRIPTS_LOW_PRIORITY  [scripts] low_priority  false
//	-                KANADE_SCRIPTS_CGROUP     [scripts] cgroup       false
//	--metrics-addr   KANADE_METRICS_ADDR       [metrics] listen       nowhere
//
// Times are such as 90s or 10m, memory is in bytes or such as 512MiB. The tables
// [update], [klp], [scripts] and [metrics] are this program's own: the fleet's other
// agents ignore tables that they do not know, so that a host can be switched back with
// the same file.
//
// Credentials are judged together. The first place that holds any counts, and
// half a pair there is an error: flags; then the environment, on Windows with
// NatsToken, NatsUser and NatsPassword of HKLM\SOFTWARE\kanade\agent before
// it; then the file. A place may hold a user and a token: the user is tried
// first, the token where the broker does not know the user. Files and the
// registry are read again before every attempt to connect, so what is rotated
// there needs no restart, and what is not there yet is waited for. Secrets are
// never given as flags, where every user of the host could read them:
//
//	--token-file     KANADE_NATS_TOKEN         [agent] token_file     the variable holds the token
//	--user           KANADE_NATS_USER          [agent] user
//	--password-file  KANADE_NATS_PASSWORD      [agent] password_file  the variable holds the password
//	--nkey-file      KANADE_NATS_NKEY_FILE     [agent] nkey_file
//	--creds-file     KANADE_NATS_CREDS_FILE    [agent] creds_file
//
// The data folder must be new, empty, an agent's (of this program or of the release that
// fleets come from), or the usual one; what is plainly something else's, such as /etc or
// a home folder, is refused, since an agent closes its folder to everybody else. What the
// configuration names may stand in it. A configuration is a regular file: no pipe or
// device.
//
// Relative paths start at the working directory. A variable that is set but
// empty counts as not set. Unknown keys are ignored; those in the tables
// above are named in a warning with the nearest name that there is, and so are tables
// whose names are nearly one of these. [agent] groups is deprecated: it is read for the
// sake of old files, has no effect, and is warned about.
//
// A file may include others, by include = ['common.toml'] at its top or in
// [teravars]. They come first, each with what it includes, and the file itself
// wins: tables are put together, lists too, of everything else the last value
// counts. Names are rendered, and relative to the file that they stand in. A file
// that is included twice, also in a cycle, is an error; so are more than 10 levels,
// 100 files or 1 MiB in all.
//
// Every error says file:line:column and what to do, and all of them come at
// once: template faults, values of the wrong type and values that make no sense, in
// every file. Of broken TOML it is the first place of each file. The verb config
// check says the same without starting anything, config show --effective what
// comes out and where each value is from; doctor looks at the host and the broker.
//
// # Log
//
// Lines go to standard output and to the daily file through a queue each, of 128,000
// lines and 16 MiB: a disk or a terminal that hangs does not hold up the agent. Lines
// that find no room, or cannot be written, are dropped, counted (LogLinesDropped of
// the status) and marked in the log where they are missing. An error waits until it is
// written, but no longer than 250 ms, and the end of the program for what is left, but
// no longer than 2 s; what the runtime says of a crash goes to the file too. A kill, or
// a crash of the runtime, may cost the lines of the last moments before it.
//
// # Log level
//
// log.level is read again while the agent runs: within 30 seconds after a file
// changed (its time or size, also those of included files), and at once on
// SIGHUP, which at a terminal and under nohup keeps its usual meaning. A flag, a
// variable and RUST_LOG stay above it. If the files cannot be read, the level stays
// as it is, and the log says so once.
//
// # Templates
//
// Before it is read as TOML the file is rendered:
//
//	{{ system.host }}                          also os, arch, user, cwd
//	{{ env(name="SITE", default="lab") }}      an error if it is unset and has no default
//	{{ home() }}
//	{{ vars.site }}                            from [vars], of this file or an included one
//	{{ system.host | lower }}                  also upper, trim, replace(from="a", to="b")
//	{{ vars.site | default(value="lab") }}     if there is no such variable
//	{{ system.host | hash | port_offset(start=4000, range=1000) }}
//	{% if is_windows() %} … {% elif … %} … {% else %} … {% endif %}
//	{# a comment #}
//
// system.os is windows, linux or macos. Conditions know is_windows(),
// is_linux(), is_mac(), not, and, or, == and !=. Variables of [vars] may be
// made from one another in any order; all files see the same ones. hash is the
// FNV-1a of a text, with 64 bits; port_offset is its number modulo range, plus
// start. Other features of Tera (for, set, its other filters, its include tag) are
// errors that name feature, line and column, and so is what programs differ in: a
// number compared with a text, capitals of other letters than those of ASCII.
// Values are inserted as they are: write Windows paths in single quotes.
//
// # What it does not do
//
// Settings that the backend changes while the agent runs do not come from
// here. A changed file counts at the next start, but for the log level.
package agentcli
