package wire

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// scopes of a test: "global", "pc" or the name of a group.
type scopes map[string]string

func mergeOf(t *testing.T, all scopes, groups ...string) (EffectiveConfig, []ConfigProblem) {
	t.Helper()
	decode := func(name string) ConfigScope {
		doc, ok := all[name]
		if !ok {
			doc = "{}"
		}
		c, err := DecodeConfigScope([]byte(doc))
		require.NoError(t, err)
		return c
	}
	var list []GroupScope
	for _, g := range groups {
		list = append(list, GroupScope{Group: g, ConfigScope: decode(g)})
	}
	return MergeConfig(decode("global"), list, ConfigKeyPC("PC-1"), decode("pc"))
}

// The table of the wire contract, and what it says beside it.
func TestMergeConfig(t *testing.T) {
	t.Parallel()
	with := func(change func(*EffectiveConfig)) EffectiveConfig {
		c := DefaultConfig()
		change(&c)
		return c
	}
	heartbeat := func(d time.Duration) EffectiveConfig {
		return with(func(c *EffectiveConfig) { c.HeartbeatInterval = d })
	}
	for name, c := range map[string]struct {
		scopes   scopes
		groups   []string
		want     EffectiveConfig
		problems []string
	}{
		"nothing":             {want: DefaultConfig()},
		"global":              {scopes: scopes{"global": `{"heartbeat_interval":"60s"}`}, want: heartbeat(time.Minute)},
		"group over global":   {scopes: scopes{"global": `{"heartbeat_interval":"30s"}`, "canary": `{"heartbeat_interval":"5s"}`}, groups: []string{"canary"}, want: heartbeat(5 * time.Second)},
		"host over group":     {scopes: scopes{"wave1": `{"heartbeat_interval":"30s"}`, "pc": `{"heartbeat_interval":"5s"}`}, groups: []string{"wave1"}, want: heartbeat(5 * time.Second)},
		"host over global":    {scopes: scopes{"global": `{"heartbeat_interval":"30s"}`, "pc": `{"heartbeat_interval":"5s"}`}, want: heartbeat(5 * time.Second)},
		"only what is set":    {scopes: scopes{"global": `{"target_version_jitter":"30m","heartbeat_interval":"30s"}`, "pc": `{"heartbeat_interval":"15s"}`}, want: with(func(c *EffectiveConfig) { c.TargetVersionJitter, c.HeartbeatInterval = 30*time.Minute, 15*time.Second })},
		"the last name wins":  {scopes: scopes{"wave1": `{"heartbeat_interval":"5s"}`, "dept-eng": `{"heartbeat_interval":"60s"}`}, groups: []string{"wave1", "dept-eng"}, want: heartbeat(5 * time.Second), problems: []string{"heartbeat_interval: set by 2 groups of this host, in this order: dept-eng, wave1; the last one counts"}},
		"equal values too":    {scopes: scopes{"a": `{"process_perf_enabled":true}`, "b": `{"process_perf_enabled":true}`}, groups: []string{"b", "a"}, want: with(func(c *EffectiveConfig) { c.ProcessPerfEnabled = true }), problems: []string{"process_perf_enabled: set by 2 groups of this host, in this order: a, b; the last one counts"}},
		"two fields":          {scopes: scopes{"wave1": `{"heartbeat_interval":"5s"}`, "dept-eng": `{"target_version_jitter":"15m"}`}, groups: []string{"wave1", "dept-eng"}, want: with(func(c *EffectiveConfig) { c.TargetVersionJitter, c.HeartbeatInterval = 15*time.Minute, 5*time.Second })},
		"group without a row": {scopes: scopes{"canary": `{"heartbeat_interval":"5s"}`}, groups: []string{"canary", "ghost"}, want: heartbeat(5 * time.Second)},
		"not a member":        {scopes: scopes{"canary": `{"target_version":"0.3.0"}`}, groups: []string{"dept-eng"}, want: DefaultConfig()},
		"the same twice":      {scopes: scopes{"wave1": `{"heartbeat_interval":"5s"}`}, groups: []string{"wave1", "wave1"}, want: heartbeat(5 * time.Second)},
		"byte order":          {scopes: scopes{"a": `{"target_version":"a"}`, "B": `{"target_version":"B"}`}, groups: []string{"a", "B"}, want: with(func(c *EffectiveConfig) { c.TargetVersion = "a" }), problems: []string{"target_version: set by 2 groups of this host, in this order: B, a; the last one counts"}},
		"null unsets nothing": {scopes: scopes{"global": `{"heartbeat_interval":"60s"}`, "pc": `{"heartbeat_interval":null}`}, want: heartbeat(time.Minute)},
		"empty target":        {scopes: scopes{"global": `{"target_version":"0.4"}`, "pc": `{"target_version":""}`}, want: DefaultConfig()},
		"everything": {
			scopes: scopes{"global": `{"target_version":"0.44.0","target_version_jitter":"20m","heartbeat_interval":"15s","host_perf_interval":"5m","process_perf_enabled":true,"process_perf_expires_at":"2031-03-04T06:00:00Z","process_perf_top_n":10,"max_local_concurrent":4}`},
			want: EffectiveConfig{
				TargetVersion: "0.44.0", TargetVersionJitter: 20 * time.Minute, HeartbeatInterval: 15 * time.Second, HostPerfInterval: 5 * time.Minute,
				ProcessPerfEnabled: true, ProcessPerfExpiresAt: at(2031, 3, 4, 6, 0, 0, 0), ProcessPerfTopN: 10,
				MaxLocalConcurrent: 4,
				InventoryEnabled:   true, InventoryInterval: time.Hour, InventoryJitter: 5 * time.Minute,
			},
		},
		"zero intervals": {
			scopes: scopes{"global": `{"heartbeat_interval":"0s","host_perf_interval":"0","target_version_jitter":"0s"}`},
			want:   with(func(c *EffectiveConfig) { c.HeartbeatInterval, c.HostPerfInterval = time.Second, time.Second }),
			problems: []string{
				`global heartbeat_interval: "0s" is outside 1s to 1day; 1s is used`,
				`global host_perf_interval: "0" is outside 1s to 1day; 1s is used`,
			},
		},
		"tiny": {scopes: scopes{"pc": `{"heartbeat_interval":"1ns"}`}, want: heartbeat(time.Second), problems: []string{`pcs.PC-1 heartbeat_interval: "1ns" is outside 1s to 1day; 1s is used`}},
		"huge": {
			scopes: scopes{"canary": `{"heartbeat_interval":"500000000000years","host_perf_interval":"25h","target_version_jitter":"8d","process_perf_top_n":4294967295}`}, groups: []string{"canary"},
			want: with(func(c *EffectiveConfig) {
				c.HeartbeatInterval, c.HostPerfInterval, c.TargetVersionJitter, c.ProcessPerfTopN = 24*time.Hour, 24*time.Hour, 7*24*time.Hour, 1000
			}),
			problems: []string{
				`groups.canary target_version_jitter: "8d" is outside 0s to 7days; 7days is used`,
				`groups.canary heartbeat_interval: "500000000000years" is outside 1s to 1day; 1day is used`,
				`groups.canary host_perf_interval: "25h" is outside 1s to 1day; 1day is used`,
				`groups.canary process_perf_top_n: 4294967295 is outside 1 to 1000; 1000 is used`,
			},
		},
		"nobody": {scopes: scopes{"pc": `{"process_perf_top_n":0}`}, want: with(func(c *EffectiveConfig) { c.ProcessPerfTopN = 1 }), problems: []string{`pcs.PC-1 process_perf_top_n: 0 is outside 1 to 1000; 1 is used`}},
		"scripts at once": {
			scopes: scopes{"global": `{"max_local_concurrent":2}`, "a": `{"max_local_concurrent":4}`, "b": `{"max_local_concurrent":3}`}, groups: []string{"b", "a"},
			want:     with(func(c *EffectiveConfig) { c.MaxLocalConcurrent = 3 }),
			problems: []string{"max_local_concurrent: set by 2 groups of this host, in this order: a, b; the last one counts"},
		},
		"scripts at once, of the host": {scopes: scopes{"global": `{"max_local_concurrent":2}`, "pc": `{"max_local_concurrent":8}`}, want: with(func(c *EffectiveConfig) { c.MaxLocalConcurrent = 8 })},
		"all scripts at once": {
			scopes: scopes{"pc": `{"max_local_concurrent":18446744073709551615}`}, want: with(func(c *EffectiveConfig) { c.MaxLocalConcurrent = 1000 }),
			problems: []string{`pcs.PC-1 max_local_concurrent: 18446744073709551615 is outside 1 to 1000; 1000 is used`},
		},
		"unreadable: the default, not the wider scope": {
			scopes: scopes{"global": `{"heartbeat_interval":"5s","host_perf_interval":"7s"}`, "pc": `{"heartbeat_interval":"30","host_perf_interval":"-5s","target_version_jitter":""}`},
			want:   with(func(c *EffectiveConfig) { c.TargetVersionJitter = 10 * time.Minute }),
			problems: []string{
				`pcs.PC-1 target_version_jitter: `, `pcs.PC-1 heartbeat_interval: `, `pcs.PC-1 host_perf_interval: `,
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, problems := mergeOf(t, c.scopes, c.groups...)
			require.Equal(t, c.want, got)
			require.Len(t, problems, len(c.problems))
			for i, p := range problems {
				require.Contains(t, strings.TrimSpace(p.Key+" "+p.Field+": "+p.Text), c.problems[i])
			}
		})
	}
}

// A narrower scope that is fine mends nothing of a wider one: what is wrong there
// is reported as long as it is there.
func TestMergeConfigReportsWhatIsOverridden(t *testing.T) {
	t.Parallel()
	got, problems := mergeOf(t, scopes{"global": `{"heartbeat_interval":"soon"}`, "pc": `{"heartbeat_interval":"5s"}`})
	require.Equal(t, 5*time.Second, got.HeartbeatInterval)
	require.Len(t, problems, 1)
	require.Equal(t, "global", problems[0].Key)
}

func TestMergeConfigDoesNotDependOnTheOrderOfGroups(t *testing.T) {
	t.Parallel()
	values := []string{`{}`, `{"heartbeat_interval":"5s"}`, `{"heartbeat_interval":"x"}`, `{"target_version":"1","process_perf_top_n":7}`, `{"host_perf_interval":"0s"}`}
	random := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		all, names := scopes{"global": values[random.IntN(len(values))], "pc": values[random.IntN(len(values))]}, []string{"b", "a", "C", "d.e", "b"}
		for _, name := range names {
			all[name] = values[random.IntN(len(values))]
		}
		want, problems := mergeOf(t, all, names...)
		random.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
		got, same := mergeOf(t, all, names...)
		require.Equal(t, want, got)
		require.Equal(t, problems, same)
	}
}

func TestProcessPerfActive(t *testing.T) {
	t.Parallel()
	end := at(2031, 3, 4, 6, 0, 0, 0)
	require.False(t, EffectiveConfig{}.ProcessPerfActive(end))
	require.False(t, EffectiveConfig{ProcessPerfExpiresAt: end.Add(time.Hour)}.ProcessPerfActive(end))
	require.True(t, EffectiveConfig{ProcessPerfEnabled: true}.ProcessPerfActive(end))
	timed := EffectiveConfig{ProcessPerfEnabled: true, ProcessPerfExpiresAt: end}
	require.True(t, timed.ProcessPerfActive(end.Add(-1)))
	require.False(t, timed.ProcessPerfActive(end))
}

func FuzzConfigScope(f *testing.F) {
	seedFiles(f)
	f.Add([]byte(`{"heartbeat_interval":"0s","process_perf_top_n":0}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := DecodeConfigScope(data)
		if err != nil {
			require.ErrorIs(t, err, ErrDecode)
			require.Less(t, len(err.Error()), 600)
			return
		}
		if c.Validate() == nil {
			again, err := DecodeConfigScope(c.Encode())
			require.NoError(t, err)
			require.Equal(t, c, again)
		}
		e, problems := MergeConfig(ConfigScope{}, []GroupScope{{"g", c}}, "pcs.x", ConfigScope{})
		require.True(t, e.HeartbeatInterval >= time.Second && e.HeartbeatInterval <= 24*time.Hour)
		require.True(t, e.HostPerfInterval >= time.Second && e.HostPerfInterval <= 24*time.Hour)
		require.True(t, e.TargetVersionJitter >= 0 && e.TargetVersionJitter <= 7*24*time.Hour)
		require.True(t, e.ProcessPerfTopN >= 1 && e.ProcessPerfTopN <= 1000)
		require.True(t, e.MaxLocalConcurrent >= 0 && e.MaxLocalConcurrent <= 1000)
		for _, p := range problems {
			require.Less(t, len(p.Text), 300)
		}
	})
}

func FuzzAgentGroups(f *testing.F) {
	seedFiles(f)
	f.Add([]byte(`{"groups":["a","a","b.*"]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		g, err := DecodeAgentGroups(data)
		if err != nil {
			require.ErrorIs(t, err, ErrDecode)
			return
		}
		members, _ := g.Members()
		require.NotNil(t, members)
		for _, name := range members {
			requireSubject(t, CommandsGroup(name))
			require.Equal(t, "commands.group."+name, CommandsGroup(name))
		}
	})
}
