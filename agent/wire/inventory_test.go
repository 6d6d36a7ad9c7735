package wire

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/inventory/facts"
)

var hwExample = HwInventory{
	PCID: "LAB-09", Hostname: "LAB-09", OSName: "Windows 11 Pro", OSVersion: "10.0.26100", CPUModel: "Acme X1", CPUCores: 8,
	RAMBytes: 17179869184, Disks: []HwDisk{{DeviceID: "C:", SizeBytes: 512000000000, FreeBytes: 128000000000, FileSystem: "NTFS"}},
	CollectedAt: at(2031, 3, 4, 5, 0, 0, 0),
}

func TestHwInventoryGolden(t *testing.T) {
	t.Parallel()
	requireGolden(t, "contract/hw_inventory.json", hwExample, DecodeHwInventory)
	requireGolden(t, "hw_inventory_bare.json", HwInventory{
		PCID: "a.b", OSBuild: "26100.2314", Disks: []HwDisk{{}, {DeviceID: "/dev/ä"}}, CollectedAt: at(2031, 3, 4, 5, 0, 0, 1000),
	}, DecodeHwInventory)
	requireGolden(t, "hw_inventory_none.json", HwInventory{PCID: "p", Disks: []HwDisk{}, CollectedAt: at(2031, 3, 4, 5, 0, 0, 0)}, DecodeHwInventory)
}

func TestHwInventoryIsAProjectionOfTheFacts(t *testing.T) {
	t.Parallel()
	host := facts.Host{
		Hostname: "LAB-09", Collected: at(2031, 3, 4, 5, 0, 0, 0),
		OS:       &facts.OS{Name: "Windows 11 Pro", Version: "10.0.26100"},
		Hardware: &facts.Hardware{CPUs: []facts.CPU{{Model: "Acme X1", Cores: 6}, {Model: "other", Cores: 2}, {Cores: -9}}, RAMBytes: 17179869184},
		Storage:  &facts.Storage{Volumes: []facts.Volume{{Device: "C:", Bytes: 512000000000, FreeBytes: 128000000000, FileSystem: "NTFS"}}},
	}
	v, ok := HwOf("LAB-09", host)
	require.True(t, ok)
	require.Equal(t, string(load(t, "contract/hw_inventory.json")), string(v.Encode()))
	for _, without := range []func(*facts.Host){
		func(h *facts.Host) { h.OS = nil },
		func(h *facts.Host) { h.Hardware = nil },
		func(h *facts.Host) { h.Storage = nil },
	} {
		h := host
		without(&h)
		_, ok := HwOf("LAB-09", h)
		require.False(t, ok)
	}
}

func TestDecodeHwInventoryRefuses(t *testing.T) {
	t.Parallel()
	whole := string(hwExample.Encode())
	for _, key := range []string{"pc_id", "hostname", "os_name", "os_version", "cpu_model", "cpu_cores", "ram_bytes", "disks", "collected_at", "device_id", "size_bytes", "free_bytes"} {
		_, err := DecodeHwInventory([]byte(strings.Replace(whole, `"`+key+`"`, `"x"`, 1)))
		require.ErrorIs(t, err, ErrDecode, key)
		require.ErrorContains(t, err, key)
	}
	for from, to := range map[string]string{
		`"cpu_cores":8`: `"cpu_cores":4294967296`, `"ram_bytes":17179869184`: `"ram_bytes":-1`, `"disks":[`: `"disks":7,"x":[`,
	} {
		_, err := DecodeHwInventory([]byte(strings.Replace(whole, from, to, 1)))
		require.ErrorIs(t, err, ErrDecode, to)
	}
}

func section(data string) InventorySection {
	return InventorySection{
		PCID: "LAB-09", Section: "sw", Hash: strings.Repeat("0f", 32), CollectedAt: at(2031, 3, 4, 5, 0, 0, 0), Part: 1, Parts: 1, Data: []byte(data),
	}
}

func TestInventorySectionGolden(t *testing.T) {
	t.Parallel()
	requireGolden(t, "inventory_section.json", section(`{"programs":[{"name":"a \"b\"","source":"msi","scope":"machine"}]}`), DecodeInventorySection)
	piece := section(`{"programs":[{"name":"<ä> \"b`)
	piece.Part, piece.Parts = 1, 2
	requireGolden(t, "inventory_section_part.json", piece, DecodeInventorySection)
	list, err := json.Marshal(InventoryProblemList{Problems: []InventoryProblem{
		{Section: "sw", Source: "/var/lib/dpkg/status", Text: "permission denied"}, {Text: "the collector hangs"},
	}})
	require.NoError(t, err)
	problems := section(string(list))
	problems.Section = InventoryProblems
	requireGolden(t, "inventory_problems.json", problems, DecodeInventorySection)
}

func TestInventorySubject(t *testing.T) {
	t.Parallel()
	require.Equal(t, "inventory.LAB-09.hw", InventorySubject("LAB-09", InventoryHw))
	require.Equal(t, "inventory.a.b.sw", InventorySubject("a.b", "sw"))
	for _, hostile := range []string{"", ">", "*", "a b", "a..b", strings.Repeat("x", 600)} {
		requireSubject(t, InventorySubject("LAB-09", hostile))
	}
	require.Equal(t, "inventory.a.b.>", InventoryFilter("a.b"))
	require.True(t, IsInventory(InventorySubject("LAB-09", InventoryHw)))
	require.True(t, IsInventory(InventoryFilter("LAB-09")))
	require.False(t, IsInventory(HeartbeatSubject("LAB-09")))
	require.False(t, IsInventory("inventory"))
}

func TestSectionNames(t *testing.T) {
	t.Parallel()
	for _, good := range append(facts.Sections(), InventoryHw, InventoryProblems, "Racks_2", "a-b", "_", strings.Repeat("x", 64)) {
		require.NoError(t, ValidateInventorySection(good), good)
	}
	for _, bad := range []string{"", ".", "a.b", "*", ">", "a b", "ä", "a/b", `a\b`, "..", "a\x00", "\xff", "a\n", strings.Repeat("x", 65)} {
		require.ErrorIs(t, ValidateInventorySection(bad), ErrInvalid, "%q", bad)
	}
}

func TestInventorySectionRefuses(t *testing.T) {
	t.Parallel()
	whole := string(section(`{}`).Encode())
	for _, key := range []string{"pc_id", "section", "hash", "collected_at", "part", "parts", "data"} {
		_, err := DecodeInventorySection([]byte(strings.Replace(whole, `"`+key+`"`, `"x"`, 1)))
		require.ErrorIs(t, err, ErrDecode, key)
		require.ErrorContains(t, err, `"`+key+`"`)
	}
	for name, change := range map[string]func(*InventorySection){
		"pc_id":        func(s *InventorySection) { s.PCID = "a b" },
		"section":      func(s *InventorySection) { s.Section = "a.b" },
		"collected_at": func(s *InventorySection) { s.CollectedAt = time.Time{} },
		"part":         func(s *InventorySection) { s.Part = 0 },
		"data":         func(s *InventorySection) { s.Data = []byte(`{`) },
	} {
		s := section(`{}`)
		change(&s)
		require.ErrorIs(t, s.Validate(), ErrInvalid, name)
		require.ErrorContains(t, s.Validate(), name)
	}
	many := section("x")
	many.Parts = MaxInventoryParts + 1
	require.ErrorIs(t, many.Validate(), ErrInvalid)
}

func TestASectionInPartsIsTheSameAgain(t *testing.T) {
	t.Parallel()
	text, err := json.Marshal(map[string]string{"programs": strings.Repeat("ä\"\\😀\n<x>\x7f", 300)})
	require.NoError(t, err)
	whole := section(string(text))
	for _, limit := range []int{300, 301, 302, 303, 999, 4096, 1 << 20} {
		parts, err := SplitInventory(whole, limit)
		require.NoError(t, err, limit)
		for _, p := range parts {
			require.NoError(t, p.Validate())
			encoded := p.Encode()
			require.LessOrEqual(t, len(encoded), limit)
			read, err := DecodeInventorySection(encoded)
			require.NoError(t, err)
			require.Equal(t, p, read)
		}
		rand.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
		joined, err := JoinInventory(parts)
		require.NoError(t, err)
		require.Equal(t, whole, joined)
		if len(parts) == 1 {
			continue
		}
		_, err = JoinInventory(parts[1:])
		require.ErrorIs(t, err, ErrInvalid, "one is missing")
		stranger := parts[0]
		stranger.CollectedAt = stranger.CollectedAt.Add(time.Second)
		_, err = JoinInventory(append(parts[1:], stranger))
		require.ErrorIs(t, err, ErrInvalid, "one is of another collection")
	}
	_, err = JoinInventory(nil)
	require.ErrorIs(t, err, ErrInvalid)
}

func TestASectionThatNoPartsHoldIsRefused(t *testing.T) {
	t.Parallel()
	for _, limit := range []int{-1, 0, 100, 250} {
		_, err := SplitInventory(section(`"`+strings.Repeat("x", 100_000)+`"`), limit)
		require.ErrorIs(t, err, ErrInvalid, limit)
		require.ErrorContains(t, err, "sw has 100002 bytes")
	}
}

func TestInventorySettings(t *testing.T) {
	t.Parallel()
	scope, err := DecodeConfigScope([]byte(`{"inventory_interval":"2h","inventory_jitter":"10m","inventory_enabled":false,"inventory_sections":"hw,sw"}`))
	require.NoError(t, err)
	require.NoError(t, scope.Validate())
	golden(t, "config_scope_inventory.json", scope.Encode())
	merged, problems := MergeConfig(scope, nil, "pcs.p", ConfigScope{InventoryEnabled: new(true)})
	require.Empty(t, problems)
	require.True(t, merged.InventoryEnabled)
	require.Equal(t, 2*time.Hour, merged.InventoryInterval)
	require.Equal(t, 10*time.Minute, merged.InventoryJitter)
	require.Equal(t, "hw,sw", merged.InventorySections)
}

// The keys are older than this release: no value of theirs may cost a scope the
// rest of it.
func TestInventorySettingsOfAnotherTypeAreIgnored(t *testing.T) {
	t.Parallel()
	for _, value := range []string{`7`, `-1.5`, `{"a":[1]}`, `["x"]`, `null`} {
		doc := `{"inventory_interval":` + value + `,"inventory_jitter":` + value + `,"inventory_enabled":` + value +
			`,"inventory_sections":` + value + `,"heartbeat_interval":"5s"}`
		scope, err := DecodeConfigScope([]byte(doc))
		require.NoError(t, err, doc)
		require.Equal(t, ConfigScope{HeartbeatInterval: new("5s")}, scope, doc)
	}
	scope, err := DecodeConfigScope([]byte(`{"inventory_interval":true,"inventory_enabled":"yes"}`))
	require.NoError(t, err)
	require.Equal(t, ConfigScope{}, scope)
	merged, problems := MergeConfig(ConfigScope{InventoryInterval: new("often"), InventoryJitter: new("30h")}, nil, "", ConfigScope{InventoryInterval: new("1s")})
	require.Len(t, problems, 3)
	require.Equal(t, time.Minute, merged.InventoryInterval)
	require.Equal(t, 24*time.Hour, merged.InventoryJitter)
}

func FuzzInventorySection(f *testing.F) {
	f.Add(section(`{"a":"ä"}`).Encode(), 300)
	f.Fuzz(func(t *testing.T, data []byte, limit int) {
		s, err := DecodeInventorySection(data)
		if err != nil {
			require.ErrorIs(t, err, ErrDecode)
			return
		}
		if s.Validate() != nil || s.Parts > 1 {
			return
		}
		parts, err := SplitInventory(s, limit)
		if err != nil {
			return
		}
		for _, p := range parts {
			require.LessOrEqual(t, len(p.Encode()), limit)
		}
		joined, err := JoinInventory(parts)
		require.NoError(t, err)
		require.Equal(t, s, joined)
	})
}

func FuzzHwInventory(f *testing.F) {
	f.Add(hwExample.Encode())
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := DecodeHwInventory(data)
		if err != nil {
			require.ErrorIs(t, err, ErrDecode)
			return
		}
		again, err := DecodeHwInventory(v.Encode())
		require.NoError(t, err)
		require.Equal(t, v.Encode(), again.Encode())
	})
}
