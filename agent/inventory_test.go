package agent_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent"
	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/inventory"
	"github.com/kanade-go/kanade/inventory/facts"
	"github.com/kanade-go/kanade/retry/jstest"
)

// oneHost is a collector whose host a test changes.
type oneHost struct {
	mu    sync.Mutex
	facts facts.Host
	asked int
	hang  bool
}

func newOneHost() *oneHost {
	return &oneHost{facts: facts.Host{
		Hostname: "lab",
		OS:       &facts.OS{Family: "linux", Name: "Debian", BootedAt: new(time.Date(2031, 3, 4, 0, 0, 0, 0, time.UTC))},
		Software: &facts.Software{Programs: []facts.Program{{Name: "a"}}},
	}}
}

func (h *oneHost) Collect(ctx context.Context) (facts.Host, error) {
	h.mu.Lock()
	h.asked++
	found, hang := h.facts, h.hang
	h.mu.Unlock()
	if hang {
		<-ctx.Done()
	}
	return found, nil
}

func (h *oneHost) times() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.asked
}

func (h *oneHost) change(f func(*facts.Host)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f(&h.facts)
}

// atOnce has the agents look at their hosts without a spread over the fleet.
func (b *backend) atOnce(interval string) {
	b.t.Helper()
	kv, err := b.js.KeyValue(b.t.Context(), wire.BucketAgentConfig)
	require.NoError(b.t, err)
	_, err = kv.Put(b.t.Context(), wire.ConfigKeyGlobal, wire.ConfigScope{InventoryJitter: new("0s"), InventoryInterval: &interval}.Encode())
	require.NoError(b.t, err)
}

// inventoried are the sections in the stream, in their order.
func (b *backend) inventoried() (all []string) {
	b.t.Helper()
	stream, err := b.js.Stream(b.t.Context(), wire.StreamInventory)
	require.NoError(b.t, err)
	for seq := uint64(1); seq <= stream.CachedInfo().State.LastSeq; seq++ {
		m, err := stream.GetMsg(b.t.Context(), seq)
		require.NoError(b.t, err)
		section, ok := strings.CutPrefix(m.Subject, "inventory."+pcID+".")
		require.True(b.t, ok, m.Subject)
		all = append(all, section)
	}
	return all
}

func TestTheInventoryIsPublishedOnceUntilItChanges(t *testing.T) {
	t.Parallel()
	s := newBareSite(t)
	s.atOnce("1h")
	h := newOneHost()
	a, stop := startAgent(t, s.cfg, agent.WithInventory(h))
	published := func(want ...string) {
		t.Helper()
		s.eventually(func() bool { return len(s.inventoried()) >= len(want) }, "it is not published")
		s.eventually(func() bool { return a.Status().Inventory.Box.Pending == 0 }, "it is not delivered")
		found := s.inventoried()
		slices.Sort(found)
		slices.Sort(want)
		require.Equal(t, want, found)
	}
	published("os", "sw", "problems")
	s.eventually(func() bool {
		now := a.Status().Inventory
		return !now.CollectedAt.IsZero() && !now.FullAt.IsZero()
	}, "the status does not say so")
	again := func(interval string) {
		t.Helper()
		asked := h.times()
		s.atOnce(interval)
		s.eventually(func() bool { return h.times() > asked }, "a new interval does not count")
	}
	again("2h")
	again("3h")
	published("os", "sw", "problems")
	stop()
	asked := h.times()
	a, _ = startAgent(t, s.cfg, agent.WithInventory(h))
	s.eventually(func() bool { return h.times() > asked }, "it does not look after a restart")
	h.change(func(f *facts.Host) { f.Software = &facts.Software{Programs: []facts.Program{{Name: "b"}}} })
	again("4h")
	published("os", "sw", "problems", "sw")
}

func TestAStreamThatComesLaterGetsTheInventory(t *testing.T) {
	t.Parallel()
	needsSh(t)
	s := newBareSite(t)
	require.NoError(t, s.js.DeleteStream(t.Context(), wire.StreamInventory))
	s.atOnce("1h")
	a, _ := startAgent(t, s.cfg, agent.WithInventory(newOneHost()))
	s.eventually(func() bool { return a.Status().Inventory.Box.Pending == 3 && a.Status().Inventory.Box.Failed > 0 }, "it does not wait")
	s.send(sh("r", "echo x"))
	require.Equal(t, "x\n", s.result("r").Stdout, "the agent works meanwhile")
	_, err := s.js.CreateStream(t.Context(), jetstream.StreamConfig{Name: wire.StreamInventory, Subjects: []string{"inventory.>"}})
	require.NoError(t, err)
	s.eventually(func() bool { return a.Status().Inventory.Box.Pending == 0 }, "it is not delivered")
	require.Len(t, s.inventoried(), 3)
}

// The fleet's roles of releases without an inventory allow none: that is told, and no
// fault of the agent.
func TestARoleWithoutTheInventoryIsTold(t *testing.T) {
	t.Parallel()
	needsSh(t)
	broker := jstest.StartBroker(t, jstest.WithConfig(`no_auth_user: admin
		authorization { users: [ {user: admin, password: admin}, {user: agent, password: agent, permissions: {publish: {deny: "inventory.>"}}} ] }`))
	s := &site{backend: newBackend(t, broker), broker: broker, cfg: newConfig(t, broker.URL())}
	s.cfg.User, s.cfg.Password = "agent", "agent"
	s.atOnce("1h")
	a, _ := startAgent(t, s.cfg, agent.WithInventory(newOneHost()))
	s.eventually(func() bool {
		return slices.ContainsFunc(a.Status().Resources, func(r agent.Resource) bool {
			return r.Name == "permission to publish to inventory.PC-1.os" && r.Reason == "denied"
		})
	}, "nobody is told")
	s.eventually(func() bool { return len(a.Status().Problems()) == 0 }, "it is a problem") // another one is that it is not ready yet
	s.send(sh("r", "echo x"))
	require.Equal(t, "x\n", s.result("r").Stdout, "the agent works meanwhile")
}

func TestACommandAnswersWithTheInventory(t *testing.T) {
	t.Parallel()
	s := newBareSite(t)
	a, _ := startAgent(t, s.cfg, agent.WithInventory(newOneHost()))
	ready(t, a)
	ask := func(requestID, script string) wire.Result {
		s.send(wire.Command{ID: "inventory", Version: "1", RequestID: requestID, Shell: agent.InventoryShell, Script: script, TimeoutSecs: 60})
		return s.result(requestID)
	}
	r := ask("all", "")
	require.Zero(t, r.ExitCode, r.Stderr)
	var found facts.Host
	require.NoError(t, json.Unmarshal([]byte(r.Stdout), &found))
	require.Equal(t, "Debian", found.OS.Name)
	require.Equal(t, "a", found.Software.Programs[0].Name)
	r = ask("some", "sw\n net ")
	found = facts.Host{}
	require.NoError(t, json.Unmarshal([]byte(r.Stdout), &found))
	require.Nil(t, found.OS)
	require.NotNil(t, found.Software)
	r = ask("none", "nonsense")
	require.EqualValues(t, 2, r.ExitCode)
	require.Contains(t, r.Stderr, `there is no section "nonsense"; there are os`)
}

// The collector of package inventory.
func TestTheInventoryOfThisHost(t *testing.T) {
	t.Parallel()
	s := newBareSite(t)
	s.atOnce("1h")
	a, _ := startAgent(t, s.cfg, agent.WithInventory(inventory.NewLocal()))
	s.eventually(func() bool {
		now := a.Status().Inventory
		return !now.CollectedAt.IsZero() && now.Box.Pending == 0
	}, "it is not published")
	for _, section := range []string{"os", "hardware", "disk", "net", "sw", "accounts", "hw", "problems"} {
		require.Contains(t, s.inventoried(), section)
	}
}

// The names of a program's own sections are the program's.
func TestSectionsOfTheProgramsOwn(t *testing.T) {
	t.Parallel()
	s := newBareSite(t)
	s.atOnce("1h")
	var opts []inventory.Option
	for _, name := range []string{"racks", "a.b", ">", "*", "a b", "hw", "../x"} {
		opts = append(opts, inventory.WithSections(name), inventory.WithSection(name, func(context.Context) (any, error) { return name, nil }))
	}
	a, _ := startAgent(t, s.cfg, agent.WithInventory(inventory.NewLocal(opts...)))
	s.eventually(func() bool {
		now := a.Status().Inventory
		return !now.CollectedAt.IsZero() && now.Box.Pending == 0
	}, "it is not published")
	require.Equal(t, []string{"racks", "problems"}, s.inventoried())
	require.Equal(t, 6, a.Status().Inventory.Problems)
}

func TestAHangingCollectorHoldsUpNoStop(t *testing.T) {
	t.Parallel()
	s := newBareSite(t)
	s.atOnce("1h")
	h := newOneHost()
	h.hang = true
	_, stop := startAgent(t, s.cfg, agent.WithInventory(h))
	s.eventually(func() bool { return h.times() > 0 }, "it does not look")
	stop()
	require.Empty(t, s.inventoried())
}

func TestWithoutACollectorThereIsNoInventory(t *testing.T) {
	t.Parallel()
	s := newBareSite(t)
	s.atOnce("1h")
	a, stop := s.start()
	require.Zero(t, a.Status().Inventory)
	stop()
	require.NoDirExists(t, filepath.Join(s.cfg.StateDir, "inventory-outbox"))
	_, err := agent.New(s.cfg, agent.WithInventory(nil))
	require.ErrorIs(t, err, agent.ErrConfig)
}

// A handler of the program's own has the name for itself.
func TestAHandlerOfTheSameNameWins(t *testing.T) {
	t.Parallel()
	s := newBareSite(t)
	own := agent.HandlerFunc(func(_ context.Context, j agent.Job) error {
		_, err := j.Stdout.Write([]byte("own"))
		return err
	})
	a, _ := startAgent(t, s.cfg, agent.WithInventory(newOneHost()), agent.WithHandler(agent.InventoryShell, own, agent.RunAgain), agent.WithInventory(newOneHost()))
	ready(t, a)
	s.send(wire.Command{ID: "j", Version: "1", RequestID: "r", Shell: agent.InventoryShell, TimeoutSecs: 60})
	require.Equal(t, "own", s.result("r").Stdout)
}

// A program that collects in a child of its own.
func ExampleWithInventory() {
	if len(os.Args) == 2 && os.Args[1] == "collect-inventory" { // in main, first of all
		if err := inventory.Serve(context.Background(), os.Stdout); err != nil {
			os.Exit(1)
		}
		return
	}
	cfg := agent.DefaultConfig()
	cfg.ID, cfg.Servers = "PC-1", []string{"nats://127.0.0.1:4222"}
	a, err := agent.New(cfg, agent.WithInventory(inventory.NewIsolated(os.Args[0], "collect-inventory")))
	if err != nil {
		return
	}
	<-a.Ready() // once somebody has called a.Run
}
