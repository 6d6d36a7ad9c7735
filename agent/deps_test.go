package agent_test

import (
	"bytes"
	"encoding/json"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/kanade-go/kanade"

// pkg is what go list says of a package.
type pkg struct {
	ImportPath string
	Imports    []string
	Deps       []string
	Standard   bool
}

func (p pkg) name() string { return strings.TrimPrefix(p.ImportPath, module+"/") }

func list(t *testing.T, args ...string) []pkg {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list", "-json=ImportPath,Imports,Deps,Standard"}, args...)...)
	cmd.Dir = ".."
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, stderr.String())
	var all []pkg
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		err := decoder.Decode(&p)
		if err == io.EOF {
			return all
		}
		require.NoError(t, err)
		all = append(all, p)
	}
}

// layers says what each package may import from this module. An entry that ends
// in a slash stands for everything below it.
var layers = map[string][]string{
	"retry/jitter":                 {},
	"retry":                        {"retry/jitter"},
	"retry/jstest":                 {"retry"},
	"outbox/atomicfile":            {},
	"outbox/atomicfile/faultfs":    {"outbox/atomicfile"},
	"outbox":                       {"retry", "retry/jitter", "outbox/atomicfile"},
	"exec":                         {},
	"inventory":                    {"inventory/facts"},
	"inventory/facts":              {},
	"agent/wire":                   {"inventory/facts"},
	"agent/internal/delivery":      {},
	"agent/internal/health":        libraries,
	"agent/internal/natskit":       libraries,
	"agent/internal/responder":     slices.Concat(libraries, []string{"agent/internal/subscribed"}),
	"agent/internal/statedir":      libraries,
	"agent/internal/statefile":     {"outbox/atomicfile"},
	"agent/internal/subscribed":    libraries,
	"agent/internal/supervise":     slices.Concat(libraries, []string{"retry/jitter"}),
	"agent/internal/command":       features,
	"agent/internal/doctor":        features,
	"agent/internal/events":        features,
	"agent/internal/hostfacts":     features,
	"agent/internal/intake":        features,
	"agent/internal/klp":           features,
	"agent/internal/logs":          features,
	"agent/internal/offload":       features,
	"agent/internal/schedule":      slices.Concat(features, []string{"agent/internal/schedule/cron"}),
	"agent/internal/schedule/cron": {},
	"agent/internal/scripts":       features,
	"agent/internal/settings":      features,
	"agent/internal/telemetry":     features,
	"agent/internal/update":        features,
	"agent":                        slices.Concat(features, []string{"agent/internal/"}),
	"agent/agenttest":              {"agent", "agent/wire", "retry/jstest"},
	"cmd/agentcli":                 {"agent", "inventory", "inventory/facts", "outbox"},
	"cmd/kanade-agent":             {"cmd/agentcli", "cmd/kanade-agent/internal/selfpipe"},
	"packaging/build":              {"cmd/agentcli"},
	"packaging/probe":              {"agent/wire"},
	"hostcheck":                    {},

	"agent/internal/subscribed/denytest": {"retry", "retry/jstest"},
	"internal/logtest":                   {},
	"cmd/kanade-agent/internal/selfpipe": {},
}

var (
	libraries = []string{"retry", "outbox", "outbox/atomicfile", "exec", "inventory", "inventory/facts", "agent/wire"}
	kits      = []string{"agent/internal/delivery", "agent/internal/health", "agent/internal/natskit", "agent/internal/responder", "agent/internal/statedir", "agent/internal/statefile", "agent/internal/subscribed", "agent/internal/supervise"}
	features  = slices.Concat(libraries, kits)
)

func TestArrowsPointDown(t *testing.T) {
	for _, p := range list(t, "./...") {
		allowed, known := layers[p.name()]
		require.True(t, known, "%s is in no layer; add it to the table", p.name())
		for _, imported := range p.Imports {
			name, ours := strings.CutPrefix(imported, module+"/")
			if !ours {
				continue
			}
			require.True(t, slices.ContainsFunc(allowed, func(a string) bool {
				return name == a || strings.HasSuffix(a, "/") && strings.HasPrefix(name, a)
			}), "%s must not import %s", p.name(), name)
		}
	}
}

// forbidden names what must not get into a package's build, and why.
var forbidden = map[string]map[string]string{
	"exec":       {"github.com/nats-io/nats.go": "it runs scripts, for anyone"},
	"agent/wire": {"github.com/nats-io/nats.go": "backends use the types without a connection"},
	"outbox":     {module + "/agent": "it is usable alone"},
	"agent": {
		"github.com/spf13/cobra":         "commands belong to cmd",
		"github.com/kardianos/service":   "services belong to cmd",
		"github.com/stretchr/testify":    "an embedder's build has no test code",
		"github.com/pelletier/go-toml":   "file formats belong to cmd",
		"github.com/nats-io/nats-server": "an agent is a client",
		"flag":                           "the embedder's flags are the embedder's",
		"testing":                        "an embedder's build has no test code",
		"text/template":                  "it costs 2.8 MB",
		"github.com/StackExchange/wmi":   "only who collects the inventory asks WMI for it",
	},
	"agent/agenttest": {"github.com/stretchr/testify": "embedders choose their own"},
	"retry/jstest":    {"github.com/stretchr/testify": "embedders choose their own"},
	"cmd/kanade-agent": {
		"html/template": "it costs 2.8 MB", "testing": "test code",
		"github.com/nats-io/nats-server": "an agent is a client",
	},
}

func TestWhatMustNotBeLinkedIsNot(t *testing.T) {
	for name, reasons := range forbidden {
		for _, goos := range []string{"linux", "windows", "darwin"} {
			t.Run(name+" "+goos, func(t *testing.T) {
				t.Setenv("GOOS", goos)
				t.Setenv("CGO_ENABLED", "0")
				deps := list(t, "./"+name)[0].Deps
				for unwanted, why := range reasons {
					require.False(t, slices.ContainsFunc(deps, func(d string) bool {
						return d == unwanted || strings.HasPrefix(d, unwanted+"/") || strings.HasPrefix(d, unwanted+"@")
					}), "%s links %s: %s", name, unwanted, why)
				}
			})
		}
	}
}

// cobra imports text/template, but the linker leaves it out as long as nobody
// sets a template of their own. Only the program itself can tell.
func TestTheProgramHasNoTemplateEngine(t *testing.T) {
	program := filepath.Join(t.TempDir(), "kanade-agent.exe")
	build := exec.Command("go", "build", "-o", program, "./cmd/kanade-agent")
	build.Dir = ".."
	out, err := build.CombinedOutput()
	require.NoError(t, err, string(out))
	symbols, err := exec.Command("go", "tool", "nm", program).Output()
	require.NoError(t, err)
	require.Contains(t, string(symbols), " main.main")
	require.NotContains(t, string(symbols), "text/template.(*Template)")
}

func TestTheServerIsNotInTheModuleGraph(t *testing.T) {
	cmd := exec.Command("go", "list", "-m", "all")
	cmd.Dir = ".."
	out, err := cmd.Output()
	require.NoError(t, err)
	require.NotContains(t, string(out), "nats-server")
}
