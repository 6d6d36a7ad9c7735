package agentcli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent"
	"github.com/kanade-go/kanade/inventory/facts"
	"github.com/kanade-go/kanade/outbox"
)

var shownHost = facts.Host{
	Hostname: "lab", Collected: time.Date(2031, 3, 4, 5, 0, 0, 0, time.UTC),
	OS: &facts.OS{Family: "linux", Name: "Debian \x1b[31m", Arch: "amd64", Domain: facts.Domain{Kind: "ad", Name: "example.org"}},
	Software: &facts.Software{Programs: []facts.Program{
		{Name: "a", Source: "dpkg", Scope: "machine", Bytes: 3 << 20},
		{Name: "long", Version: "1", Source: "snap", Scope: "machine"},
	}},
	Network: &facts.Network{Interfaces: []facts.Interface{
		{Name: "eth0", Up: true, SpeedBits: 1e9, DHCP: new(false), Addresses: []string{"192.0.2.7/24", "fd00::2/64"}},
	}},
	Security: &facts.Security{},
	Extra:    map[string]any{"racks": map[string]int{"n": 7}},
	Problems: []facts.Problem{{Section: "hardware", Source: "/sys/class/dmi", Text: "permission denied"}},
}

const shownPage = `lab, at 2031-03-04T05:00:00Z

SYSTEM (os)
  family       linux
  name         "Debian \x1b[31m"
  arch         amd64
  utc offset   0
  domain kind  ad
  domain name  example.org

NETWORK (net)

INTERFACES: 1
  NAME  UP   SPEED        ADDRESSES                 DHCP
  eth0  yes  1000 Mbit/s  192.0.2.7/24, fd00::2/64  no

SOFTWARE (sw)

PROGRAMS: 2
  NAME  VERSION  SOURCE  SCOPE    SIZE
  a              dpkg    machine  3.0 MiB
  long  1        snap    machine

SECURITY (security)
  nothing is known

RACKS
  {
    "n": 7
  }

NOT FOUND OUT: 1
  SECTION   SOURCE          TEXT
  hardware  /sys/class/dmi  permission denied
`

// lookingAt is a tree whose collector finds a host.
func lookingAt(t *testing.T, host facts.Host, err error) (b *bench, line, sections *[]string) {
	b, line, sections = newBench(t, nil), new([]string), new([]string)
	b.collect = func(_ context.Context, l, s []string) (facts.Host, error) {
		*line, *sections = l, s
		return host, err
	}
	return b, line, sections
}

func TestInventoryAsAPage(t *testing.T) {
	t.Parallel()
	b, line, sections := lookingAt(t, shownHost, nil)
	out, err := b.do(t, "inventory", "--section", "sw, os", "--section", "net")
	require.NoError(t, err)
	require.Equal(t, shownPage, out)
	program, err := os.Executable()
	require.NoError(t, err)
	require.Equal(t, []string{program, "collect-inventory"}, *line)
	require.Equal(t, []string{"sw", "os", "net"}, *sections)
}

func TestInventoryAsJSON(t *testing.T) {
	t.Parallel()
	b, _, sections := lookingAt(t, shownHost, nil)
	out, err := b.do(t, "inventory", "--json")
	require.NoError(t, err)
	want, err := json.Marshal(shownHost)
	require.NoError(t, err)
	require.JSONEq(t, string(want), out)
	require.Empty(t, *sections)
}

func TestInventoryThatIsIncomplete(t *testing.T) {
	t.Parallel()
	b, _, _ := lookingAt(t, shownHost, errors.Join(errors.New("inventory: collect hardware: it hangs"), errors.New("x")))
	out, err := b.do(t, "inventory")
	require.Equal(t, ExitFindings, ExitCode(err))
	require.EqualError(t, err, "not everything was found: inventory: collect hardware: it hangs; x")
	require.Equal(t, shownPage, out, "what was found is shown")
}

func TestInventoryOfNoSuchSection(t *testing.T) {
	t.Parallel()
	b, _, _ := lookingAt(t, shownHost, nil)
	_, err := b.do(t, "inventory", "--section", "sw", "--section", "ram\x1b")
	require.Equal(t, ExitUsage, ExitCode(err))
	require.ErrorContains(t, err, `there is no section "ram\x1b"; there are os, hardware, disk`)
}

func TestSectionsAreCompleted(t *testing.T) {
	t.Parallel()
	b, _, _ := lookingAt(t, shownHost, nil)
	out, err := b.do(t, "__complete", "inventory", "--section", "")
	require.NoError(t, err)
	for _, name := range facts.Sections() {
		require.Contains(t, out, name+"\n")
	}
	out, err = b.do(t, "__complete", "")
	require.NoError(t, err)
	require.NotContains(t, out, collectVerb)
}

// The child is found under the root of another program too.
func TestTheCollectorOfABorrowedTree(t *testing.T) {
	t.Parallel()
	b, line, _ := lookingAt(t, facts.Host{}, nil)
	root := &cobra.Command{Use: "acme"}
	middle := &cobra.Command{Use: "tools"}
	middle.AddCommand(b.command())
	root.AddCommand(middle)
	root.SetArgs([]string{"tools", "kanade-agent", "inventory"})
	root.SetOut(&bytes.Buffer{})
	require.NoError(t, root.ExecuteContext(t.Context()))
	require.Equal(t, []string{"tools", "kanade-agent", "collect-inventory"}, (*line)[1:])
}

// A run of the agent publishes what its collector finds.
func TestTheAgentGetsACollector(t *testing.T) {
	t.Parallel()
	require.Len(t, inventoryOptions([]string{"program", collectVerb}), 1)
	require.Empty(t, inventoryOptions(nil))
	b := newBench(t, nil)
	cmd := b.command()
	for _, verb := range []string{"", "run"} {
		found, _, err := cmd.Find([]string{verb})
		if verb == "" {
			found, err = cmd, nil
		}
		require.NoError(t, err)
		require.Equal(t, collectVerb, collectorLine(found)[1], verb)
	}
}

func TestStatusSaysHowTheInventoryIs(t *testing.T) {
	t.Parallel()
	now := time.Date(2031, 3, 4, 5, 0, 0, 0, time.UTC)
	page := func(i agent.InventoryStatus) string {
		var out bytes.Buffer
		answer := statusAnswer{Agent: agentStatus{State: "running", Status: &agent.Status{Running: true, Inventory: i}}}
		require.NoError(t, statusPage{answer: answer, now: now}.print(&out))
		return out.String()
	}
	require.NotContains(t, page(agent.InventoryStatus{}), "inventory")
	i := agent.InventoryStatus{CollectedAt: now.Add(-time.Hour), Box: outbox.Stats{Pending: 3}}
	require.Contains(t, page(i), "inventory   collected 1h ago, complete\n")
	require.Contains(t, page(i), "inventory  3 ")
	i.Problems = 2
	require.Contains(t, page(i), "collected 1h ago, with 2 problems (see inventory)\n")
}
