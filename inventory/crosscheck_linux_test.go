package inventory

import (
	"encoding/json"
	"maps"
	"os"
	osexec "os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/inventory/facts"
)

// tool runs an independent tool that knows the same. CI has all of them; elsewhere
// one that is missing cannot be compared with.
func tool(t *testing.T, name string, args ...string) string {
	t.Helper()
	path, err := osexec.LookPath(name)
	if err != nil && os.Getenv("CI") == "" {
		t.Skipf("%s is not installed here", name)
	}
	require.NoError(t, err)
	cmd := osexec.CommandContext(t.Context(), path, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	out, err := cmd.Output()
	require.NoError(t, err)
	return string(out)
}

func live(t *testing.T, section string) facts.Host {
	t.Helper()
	host, err := NewLocal(WithSections(section)).Collect(t.Context())
	require.NoError(t, err)
	return host
}

func TestPackagesAreThoseOfDpkgQuery(t *testing.T) {
	want := make(map[string]string)
	for line := range strings.Lines(tool(t, "dpkg-query", "-W", "-f", "${db:Status-Status} ${Package} ${Version} ${Architecture}\n")) {
		if f := strings.Fields(line); f[0] == "installed" {
			want[f[1]+" "+f[3]] = f[2]
		}
	}
	got := make(map[string]string)
	for _, p := range live(t, facts.SectionSoftware).Software.Programs {
		if p.Source == "dpkg" {
			got[p.Name+" "+p.Arch] = p.Version
		}
	}
	require.Equal(t, want, got)
}

func TestDisksAreThoseOfLsblk(t *testing.T) {
	var tree struct {
		Devices []struct {
			Name string
			Size json.Number
			Type string
		} `json:"blockdevices"`
	}
	require.NoError(t, json.Unmarshal([]byte(tool(t, "lsblk", "--json", "-b", "-d", "-o", "NAME,SIZE,TYPE")), &tree))
	want := make(map[string]string)
	for _, d := range tree.Devices {
		if d.Type == "disk" && d.Size != "0" && !strings.HasPrefix(d.Name, "zram") && !strings.HasPrefix(d.Name, "nbd") {
			want[d.Name] = d.Size.String()
		}
	}
	got := make(map[string]string)
	for _, d := range live(t, facts.SectionStorage).Storage.Disks {
		got[d.Name] = strconv.FormatUint(d.Bytes, 10)
	}
	require.Equal(t, want, got)
}

func TestInterfacesAreThoseOfIP(t *testing.T) {
	var links []struct {
		Name  string `json:"ifname"`
		MAC   string `json:"address"`
		MTU   int
		Flags []string
		Info  []struct {
			Local  string
			Prefix int `json:"prefixlen"`
		} `json:"addr_info"`
	}
	require.NoError(t, json.Unmarshal([]byte(tool(t, "ip", "-json", "addr")), &links))
	type link struct {
		mac       string
		mtu       int
		addresses []string
	}
	want, got := make(map[string]link), make(map[string]link)
	for _, l := range links {
		if slices.Contains(l.Flags, "LOOPBACK") {
			continue
		}
		var addresses []string
		for _, a := range l.Info {
			addresses = append(addresses, a.Local+"/"+strconv.Itoa(a.Prefix))
		}
		slices.Sort(addresses)
		want[l.Name] = link{strings.TrimSuffix(l.MAC, "00:00:00:00:00:00"), l.MTU, addresses}
	}
	for _, i := range live(t, facts.SectionNetwork).Network.Interfaces {
		addresses := slices.Concat(i.Addresses, i.Temporary)
		slices.Sort(addresses)
		got[i.Name] = link{i.MAC, i.MTU, addresses}
	}
	require.Equal(t, slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(got)))
	for name, l := range want {
		require.Equal(t, l.mtu, got[name].mtu, name)
		require.Equal(t, l.addresses, got[name].addresses, name)
		if len(l.mac) == 17 { // tunnels have other addresses
			require.Equal(t, l.mac, got[name].mac, name)
		}
	}
}

func TestProcessorsAreThoseOfLscpu(t *testing.T) {
	var said struct {
		Fields []struct{ Field, Data string } `json:"lscpu"`
	}
	require.NoError(t, json.Unmarshal([]byte(tool(t, "lscpu", "--json")), &said))
	want := make(map[string]string)
	for _, f := range said.Fields {
		want[f.Field] = f.Data
	}
	cpus := live(t, facts.SectionHardware).Hardware.CPUs
	threads := 0
	for _, c := range cpus {
		threads += c.Threads
	}
	require.Equal(t, want["CPU(s):"], strconv.Itoa(threads))
	if sockets, ok := want["Socket(s):"]; ok {
		require.Equal(t, sockets, strconv.Itoa(len(cpus)))
	}
	if model, ok := want["Model name:"]; ok {
		require.Equal(t, model, cpus[0].Model)
	}
}

func TestMemoryIsThatOfFree(t *testing.T) {
	for line := range strings.Lines(tool(t, "free", "-b")) {
		if f := strings.Fields(line); f[0] == "Mem:" {
			require.Equal(t, f[1], strconv.FormatUint(live(t, facts.SectionHardware).Hardware.RAMBytes, 10))
			return
		}
	}
	t.Fatal("free printed no memory")
}

// Two collections of a host that nobody touches are the same to Hash, down to the
// order of every list.
func TestAnUnchangedHostHasTheSameHashes(t *testing.T) {
	collector := NewLocal()
	one, err := collector.Collect(t.Context())
	require.NoError(t, err)
	two, err := collector.Collect(t.Context())
	require.NoError(t, err)
	for _, name := range facts.Sections() {
		require.NotNil(t, one.Section(name), name)
		a, err := facts.Hash(one.Section(name))
		require.NoError(t, err)
		b, err := facts.Hash(two.Section(name))
		require.NoError(t, err)
		require.Equal(t, a, b, name)
	}
}
