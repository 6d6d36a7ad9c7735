package wire

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// roundTrip reads a golden file and writes it again.
type roundTrip func(t *testing.T, data []byte) []byte

func plainly[T interface{ Encode() []byte }](decode func([]byte) (T, error)) roundTrip {
	return func(t *testing.T, data []byte) []byte {
		t.Helper()
		v, err := decode(data)
		require.NoError(t, err)
		return v.Encode()
	}
}

func fallibly[T interface{ Encode() ([]byte, error) }](decode func([]byte) (T, error)) roundTrip {
	return func(t *testing.T, data []byte) []byte {
		t.Helper()
		v, err := decode(data)
		require.NoError(t, err)
		out, err := v.Encode()
		require.NoError(t, err)
		return out
	}
}

// inside is for what stands in the params or the result of a local message.
func inside[T interface{ Encode() []byte }](decode func(json.RawMessage) (T, error)) roundTrip {
	return func(t *testing.T, data []byte) []byte {
		t.Helper()
		m, err := DecodeKLPMessage(data)
		require.NoError(t, err)
		v, err := decode(append(m.Params, m.Result...))
		require.NoError(t, err)
		if m.Result != nil {
			m.Result = v.Encode()
		} else {
			m.Params = v.Encode()
		}
		return m.Encode()
	}
}

// payloads has every decoder of the package with a golden file for it: the contract's
// own where it has one.
var payloads = map[string]struct {
	file  string
	again roundTrip
}{
	"DecodeCommand":          {"contract/command.json", fallibly(DecodeCommand)},
	"DecodeResult":           {"contract/result.json", plainly(DecodeResult)},
	"DecodeEventStarted":     {"contract/started.json", plainly(DecodeEventStarted)},
	"DecodeObsEvent":         {"contract/obs_event.json", fallibly(DecodeObsEvent)},
	"DecodeHeartbeat":        {"contract/heartbeat.json", plainly(DecodeHeartbeat)},
	"DecodeHostPerf":         {"contract/host_perf.json", plainly(DecodeHostPerf)},
	"DecodeProcessPerf":      {"contract/process_perf.json", plainly(DecodeProcessPerf)},
	"DecodeLogsRequest":      {"contract/logs_request.json", plainly(DecodeLogsRequest)},
	"DecodeAgentGroups":      {"contract/groups.json", plainly(DecodeAgentGroups)},
	"DecodeConfigScope":      {"contract/config_scope.json", plainly(DecodeConfigScope)},
	"DecodeManifest":         {"contract/manifest.json", plainly(DecodeManifest)},
	"DecodeSchedule":         {"contract/schedule.json", plainly(DecodeSchedule)},
	"DecodeHwInventory":      {"contract/hw_inventory.json", plainly(DecodeHwInventory)},
	"DecodeInventorySection": {"inventory_section.json", plainly(DecodeInventorySection)},
	"DecodeJobTailRequest":   {"job_tail_request.json", plainly(DecodeJobTailRequest)},
	"DecodeJobTail": {"job_tail.json", func(t *testing.T, data []byte) []byte {
		t.Helper()
		v, err := DecodeJobTail(data)
		require.NoError(t, err)
		return v.Encode(1 << 20)
	}},
	"DecodeKLPMessage":      {"contract/klp_error.json", plainly(DecodeKLPMessage)},
	"DecodeKLPHandshake":    {"klp_handshake_full.json", inside(DecodeKLPHandshake)},
	"DecodeKLPWelcome":      {"contract/klp_welcome.json", inside(DecodeKLPWelcome)},
	"DecodeKLPPong":         {"klp_pong.json", inside(DecodeKLPPong)},
	"DecodeKLPVersions":     {"klp_versions.json", inside(DecodeKLPVersions)},
	"DecodeKLPLogTail":      {"klp_log_tail.json", inside(DecodeKLPLogTail)},
	"DecodeKLPLogLines":     {"klp_log_lines.json", inside(DecodeKLPLogLines)},
	"DecodeKLPState":        {"klp_state.json", inside(DecodeKLPState)},
	"DecodeKLPStateChanged": {"contract/klp_state_changed.json", inside(DecodeKLPStateChanged)},
	"DecodeKLPSubscription": {"contract/klp_subscription.json", inside(DecodeKLPSubscription)},
}

// Whatever can be read has a golden file, and is written again as it was read. A new
// payload without one fails here.
func TestEveryPayloadHasAGoldenFile(t *testing.T) {
	t.Parallel()
	decoders := decodersOfThePackage(t)
	require.NotEmpty(t, decoders)
	for _, name := range decoders {
		p, known := payloads[name]
		require.True(t, known, "%s has no golden file", name)
		data := load(t, p.file)
		require.Equal(t, string(data), string(p.again(t, data)), name)
	}
	require.Len(t, payloads, len(decoders), "a decoder that is gone")
}

func decodersOfThePackage(t *testing.T) (names []string) {
	t.Helper()
	sources, err := filepath.Glob("*.go")
	require.NoError(t, err)
	for _, source := range sources {
		if strings.HasSuffix(source, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), source, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && strings.HasPrefix(f.Name.Name, "Decode") {
				names = append(names, f.Name.Name)
			}
		}
	}
	return names
}

// A golden file that no test names proves nothing.
func TestEveryGoldenFileIsNamedByATest(t *testing.T) {
	t.Parallel()
	var tests strings.Builder
	sources, err := filepath.Glob("*_test.go")
	require.NoError(t, err)
	for _, source := range sources {
		text, err := os.ReadFile(source)
		require.NoError(t, err)
		tests.Write(text)
	}
	require.NoError(t, fs.WalkDir(os.DirFS("testdata"), ".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && !strings.HasPrefix(path, "fuzz/") {
			require.Contains(t, tests.String(), `"`+path+`"`)
		}
		return err
	}))
}
