package main

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// repository is the folder that the README is in, seen from here.
var repository = filepath.Join("..", "..")

// proof is a file that executes a command of the README, and how it does that.
type proof struct{ file, text string }

// here is a command that TestTheReadmeIsFollowed executes as it stands.
var here []proof

// readmeCommands says of each command of the README what executes it.
var readmeCommands = map[string][]proof{
	"go -C examples run ./quickstart": {{"examples/examples_test.go", `p := start(t, "quickstart")`}},
	"go test ./...":                   {{".ci/run", "\nstep go test ./...\n"}},
	"go vet":                          {{".ci/run", "step go vet ./...\n"}},
	"go get github.com/kanade-go/kanade/agent": {{"cmd/kanade-agent/readme_embed_test.go", `"go", "get", module+"/agent"`}},

	"kanade-agent install --nats-url nats://broker.example:4222 --token-file /etc/kanade/token --start": {
		{".ci/systemd/checks", "$agent install --nats-url nats://127.0.0.1:4 --token-file /etc/kanade/token --start)"},
		{"packaging/wine", "$(agent install --nats-url nats://127.0.0.1:4 --id pc-1 --start --json)"},
	},
	"kanade-agent install":                   {{".ci/systemd/checks", `"$($agent install)"`}},
	"kanade-agent install --config FILE":     {{".ci/systemd/checks", "$($agent install --config /etc/kanade/other.toml --start)"}},
	"kanade-agent install --print systemd":   here,
	"kanade-agent install --print launchd":   here,
	"kanade-agent start":                     {{".ci/systemd/checks", "$($agent start)"}},
	"kanade-agent stop":                      {{".ci/systemd/checks", "$($agent stop)"}},
	"kanade-agent restart":                   {{".ci/systemd/checks", "\n$agent restart "}},
	"kanade-agent uninstall":                 {{".ci/systemd/checks", "$($agent uninstall)"}},
	"kanade-agent uninstall --purge":         {{".ci/systemd/checks", "$($agent uninstall --purge)"}},
	"systemctl reload kanade-agent":          {{".ci/systemd/checks", "\nsystemctl reload kanade-agent\n"}},
	"systemctl edit kanade-agent":            {{".ci/systemd/checks", "-qec 'systemctl edit kanade-agent' "}},
	"systemd-run kanade-upgrade.sh":          {{"packaging/linux/scripts/common.sh", "\tsystemd-run --quiet --unit="}, {"packaging/checks", "\nby_itself\n"}},
	"journalctl -u kanade-agent":             here,
	"kanade-agent status":                    here,
	"kanade-agent doctor":                    here,
	"kanade-agent inventory":                 here,
	"kanade-agent diag":                      here,
	"kanade-agent run --help":                here,
	"kanade-agent completion bash":           here,
	"kanade-agent completion zsh":            here,
	"kanade-agent completion fish":           here,
	"kanade-agent config check":              here,
	"./kanade-agent run --config agent.toml": here,
	"go build -trimpath -ldflags '-s -w -X main.version=1.5.0' ./cmd/kanade-agent": here,
	"kanade-agent completion powershell":                                           here,
	"kanade-agent config show --effective":                                         here,
	"kanade-agent diag --out /tmp/host.zip --json":                                 here,
	"curl http://127.0.0.1:9464/metrics":                                           here,
	"curl http://127.0.0.1:9464/healthz":                                           here,
	"curl http://127.0.0.1:9464/readyz":                                            here,
	"kanade-agent outbox ls":                                                       here,
	"kanade-agent outbox show req-17":                                              here,
	"kanade-agent outbox requeue req-17":                                           here,
	"kanade-agent outbox export -o all.ndjson":                                     here,
	"kanade-agent outbox fsck":                                                     here,
	"kanade-agent outbox fsck --repair":                                            here,
	"kanade-agent release keygen --out fleet":                                      here,
	"mkdir -p /etc/kanade/release-keys":                                            here,
	"kanade-agent version":                                                         here,
	"cp fleet.pub /etc/kanade/release-keys/":                                       here,
	"kanade-agent release sign ./kanade-agent --version 1.5.0 --key fleet.key":     here,
	"kanade-agent release publish ./kanade-agent --nats-url nats://broker:4222":    here,

	"go run ./packaging/build --version 1.4.0 --out dist": {
		{"packaging/test", `-o "$work/build" ./packaging/build`},
		{"packaging/test", `--version 9.8.6 --out "$work/first"`},
	},
	"apt-get install ./kanade-agent_1.4.0_amd64.deb": {
		{"packaging/test", "kanade-agent_9.8.6_amd64.deb"},
		{"packaging/checks", `dpkg --no-triggers --install "/mnt/$1.deb"`},
	},
	"dnf install ./kanade-agent-1.4.0-1.x86_64.rpm": {
		{"packaging/test", "kanade-agent-9.8.6-1.x86_64.rpm"},
		{"packaging/checks", `rpm --install --nodeps "/mnt/$1.rpm"`},
	},
	"apt-get purge": {{"packaging/checks", "dpkg --no-triggers --purge kanade-agent"}},
	"msiexec /i kanade-agent-1.4.0-windows-x86_64.msi /qn": {
		{"packaging/wine", `run msiexec "$1" "$(package "$2")" /qn "${@:3}"`},
		{"packaging/wine", "\nmsi /i 9.8.7\n"},
		{"packaging/wine", "\nmsi /i 9.8.6 NOSTART=1\n"},
	},
	"msiexec /x":                          {{"packaging/wine", "\nmsi /x 9.8.9\n"}},
	"go run ./hostcheck -o hostcheck.zip": {{"hostcheck/hostcheck_test.go", `append([]string{"-o", path}, args...)`}},
}

// runBy says what runs a script that is a proof, up to .ci/run.
var runBy = map[string]proof{
	".ci/systemd/checks":                {".ci/systemd/run", `bash "$PWD/.ci/systemd/checks"`},
	".ci/systemd/run":                   {".ci/run", "\tstep .ci/systemd/run\n"},
	"packaging/linux/scripts/common.sh": {"packaging/build/linux.go", `copyFile(w, from+"common.sh")`},
	"packaging/build/linux.go":          {"packaging/test", "./packaging/build"},
	"packaging/checks":                  {"packaging/test", `cp "$server" packaging/checks "$work/mnt"`},
	"packaging/test":                    {".ci/run", "\tstep packaging/test\n"},
	"packaging/wine":                    {".ci/run", "\tstep packaging/wine\n"},
}

func TestEveryCommandOfTheReadmeIsExecuted(t *testing.T) {
	t.Parallel()
	require.ElementsMatch(t, slices.Collect(maps.Keys(readmeCommands)), readReadme(t).commands,
		"a command of the README, or of readmeCommands, is missing in the other")
	for command, proofs := range readmeCommands {
		for _, p := range proofs {
			for p.file != "" {
				found := strings.Contains(fileText(t, p.file), p.text) // whose text is too long for a message
				require.True(t, found, "%s no longer executes %q: there is no %q", p.file, command, p.text)
				p = runBy[p.file]
			}
		}
	}
}

// What is executed elsewhere may be the same verb with other flags: the program
// knows those of the README too.
func TestTheProgramKnowsTheFlagsOfTheReadme(t *testing.T) {
	t.Parallel()
	for command, proofs := range readmeCommands {
		if args, ours := strings.CutPrefix(command, "kanade-agent "); ours && len(proofs) > 0 {
			out, errs, code := run(t, append(strings.Fields(args), "--help")...)
			require.Zero(t, code, "%s: %s", command, errs)
			require.Contains(t, out, "Usage:\n", command)
		}
	}
}

// A file or folder that the README names is there.
func TestTheReadmeNamesWhatIsThere(t *testing.T) {
	t.Parallel()
	entries, err := os.ReadDir(repository)
	require.NoError(t, err)
	var folders []string
	for _, entry := range entries {
		if entry.IsDir() {
			folders = append(folders, regexp.QuoteMeta(entry.Name()))
		}
	}
	named := regexp.MustCompile("[`(](?:\\./)?((?:"+strings.Join(folders, "|")+")/[^`) ]*)[`)]").FindAllStringSubmatch(readReadme(t).prose, -1)
	require.Greater(t, len(named), 10)
	for _, name := range named {
		_, err := os.Stat(filepath.Join(repository, filepath.FromSlash(name[1])))
		require.NoError(t, err)
	}
}

func fileText(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(repository, filepath.FromSlash(name)))
	require.NoError(t, err)
	return strings.ReplaceAll(string(text), "\r\n", "\n")
}
