package agentcli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent"
)

// writeFiles makes files in a folder of their own and returns it.
func writeFiles(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	}
	return dir
}

// Files as fleets have them: what is common to all hosts in one, what a site or
// a host has of its own around it.
func TestIncludes(t *testing.T) {
	t.Parallel()
	const log = "[log]\npath='/var/log/kanade/agent.log'\nlevel='info'\n"
	for name, tc := range map[string]struct {
		files map[string]string
		check func(t *testing.T, c agent.Config)
	}{
		"what is included comes first": {map[string]string{
			"agent.toml":  "include = ['common.toml']\n[agent]\nid = 'own'\n",
			"common.toml": "[agent]\nid='common'\nnats_url='nats://common:1'\n" + log,
		}, func(t *testing.T, c agent.Config) {
			require.Equal(t, "own", c.ID)
			require.Equal(t, []string{"nats://common:1"}, c.Servers)
		}},
		"later ones win": {map[string]string{
			"agent.toml": "include = ['a.toml', 'b.toml']\n",
			"a.toml":     "[agent]\nid='a'\nnats_url='nats://a:1'\n",
			"b.toml":     "[agent]\nid='b'\n" + log,
		}, func(t *testing.T, c agent.Config) {
			require.Equal(t, "b", c.ID)
			require.Equal(t, []string{"nats://a:1"}, c.Servers)
		}},
		"lists are put together": {map[string]string{
			"agent.toml": "include = ['a.toml']\n[agent]\nid='x'\nservers=['nats://3:1']\n" + log,
			"a.toml":     "[agent]\nnats_url='nats://1:1'\nservers=['nats://2:1']\n",
		}, func(t *testing.T, c agent.Config) {
			require.Equal(t, []string{"nats://1:1", "nats://2:1", "nats://3:1"}, c.Servers)
		}},
		"relative to the file that names it": {map[string]string{
			"agent.toml":          "include = ['sites/lab.toml']\n[agent]\nid='x'\n",
			"sites/lab.toml":      "include = ['../common.toml', 'more/log.toml']\n[agent]\nnats_url='nats://lab:1'\n",
			"sites/more/log.toml": log,
			"common.toml":         "[agent]\nnats_url='nats://common:1'\n",
		}, func(t *testing.T, c agent.Config) {
			require.Equal(t, []string{"nats://lab:1"}, c.Servers)
		}},
		"in the table": {map[string]string{
			"agent.toml": "[teravars]\ninclude = ['a.toml']\n[agent]\nid='x'\n" + log,
			"a.toml":     "[agent]\nnats_url='nats://1:1'\n",
		}, func(t *testing.T, c agent.Config) { require.Equal(t, []string{"nats://1:1"}, c.Servers) }},
		"variables are shared": {map[string]string{
			"agent.toml": "include = ['{{ vars.site }}.toml']\n[vars]\nsite='lab'\nport=42\n[agent]\nid='{{ vars.prefix }}-{{ system.host }}'\n" + log,
			"lab.toml":   "[vars]\nprefix='lab'\nport=41\n[agent]\nnats_url='nats://{{ vars.site }}:{{ vars.port }}'\n",
		}, func(t *testing.T, c agent.Config) {
			require.Equal(t, "lab-pc-7", c.ID)
			require.Equal(t, []string{"nats://lab:42"}, c.Servers, "the including file's variables win too")
		}},
		"under a condition": {map[string]string{
			"agent.toml": "include = [{% if is_windows() %}'win.toml'{% else %}'unix.toml'{% endif %}]\n[agent]\nid='x'\nnats_url='nats://h'\n",
			"unix.toml":  log,
		}, func(t *testing.T, c agent.Config) { require.NotEmpty(t, c.LogFile) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := writeFiles(t, tc.files)
			got, err := load(flagged("config", filepath.Join(dir, "agent.toml")), testSurroundings(t, nil))
			require.NoError(t, err)
			require.Empty(t, got.warnings)
			require.Len(t, got.files, len(tc.files))
			require.Equal(t, filepath.Join(dir, "agent.toml"), got.files[0])
			tc.check(t, got.config.Config)
		})
	}
}

func TestIncludeErrors(t *testing.T) {
	t.Parallel()
	const rest = "[agent]\nid='x'\nnats_url='nats://h'\n[log]\npath='/x'\nlevel='info'\n"
	deep := map[string]string{"agent.toml": "include=['1.toml']\n" + rest}
	for i := 1; i <= maxIncludeDepth+1; i++ {
		deep[itoa(i)+".toml"] = "include=['" + itoa(i+1) + ".toml']\n"
	}
	for name, tc := range map[string]struct {
		files map[string]string
		want  []string
	}{
		"missing":       {map[string]string{"agent.toml": "\ninclude = ['no.toml']\n" + rest}, []string{"agent.toml:2:12: include: open ", "no.toml"}},
		"itself":        {map[string]string{"agent.toml": "include = ['agent.toml']\n" + rest}, []string{"agent.toml:1:12: include: a cycle: ", "agent.toml includes "}},
		"a ring":        {map[string]string{"agent.toml": "include = ['a.toml']\n" + rest, "a.toml": "\ninclude=['./agent.toml']"}, []string{"a.toml:2:10: include: a cycle: "}},
		"twice":         {map[string]string{"agent.toml": "include = ['a.toml', './a.toml']\n" + rest, "a.toml": ""}, []string{"agent.toml:1:22: include: ", "is included twice"}},
		"twice, deeper": {map[string]string{"agent.toml": "include = ['a.toml', 'b.toml']\n" + rest, "a.toml": "include=['b.toml']", "b.toml": ""}, []string{"agent.toml:1:22: include: ", "is included twice"}},
		"too deep":      {deep, []string{itoa(maxIncludeDepth) + ".toml:1:10: include: ", "more than 10 deep"}},
		"a folder":      {map[string]string{"agent.toml": "include = ['.']\n" + rest}, []string{"agent.toml:1:12: include: ", "is no regular file"}},
		"too big":       {map[string]string{"agent.toml": "include = ['a.toml']\n" + rest, "a.toml": strings.Repeat("#", maxConfigBytes-10)}, []string{"agent.toml:1:12: include: ", "larger than 1048576 bytes together"}},
		"no list":       {map[string]string{"agent.toml": "include = 'a.toml'\n" + rest}, []string{"agent.toml:1:11: include must be a list of strings, not of type string"}},
		"numbers":       {map[string]string{"agent.toml": "include = [5]\n" + rest}, []string{"agent.toml:1:12: include must be a list of strings"}},
		"both":          {map[string]string{"agent.toml": "include = []\n" + rest + "[teravars]\ninclude=[]\n"}, []string{"agent.toml:9:1: include stands both at the top and in [teravars]"}},
		"in the included": {
			map[string]string{"agent.toml": "include = ['a.toml', 'b.toml']\n" + rest, "a.toml": "\n{{ nobody }}", "b.toml": "[agent]\n\ngrace=5\n[log\n"},
			[]string{"a.toml:2:4: undefined variable nobody; ", "b.toml:4:5: "},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := writeFiles(t, tc.files)
			_, err := load(flagged("config", filepath.Join(dir, "agent.toml")), testSurroundings(t, nil))
			for _, want := range tc.want {
				require.ErrorContains(t, err, want)
			}
		})
	}
}

// One look says everything that is wrong, in every file.
func TestEveryProblemAtOnce(t *testing.T) {
	t.Parallel()
	dir := writeFiles(t, map[string]string{"agent.toml": `include = ['log.toml']
[agent]
id = 'a b'
nats_url = 'ftp://h'
grace = '1h'
concurrency = 'x'
colour = 1
`, "log.toml": "[log]\npath = 5\nkeep_days = -1\n"})
	out, wrong := loadAll(flagged("config", filepath.Join(dir, "agent.toml"), "log-level", "loud"), testSurroundings(t, map[string]string{"KANADE_NATS_USER": "u"}))
	require.Equal(t, []string{
		"agent.toml:3:6", "agent.toml:4:12", "agent.toml:5:9", "agent.toml:6:15", "log.toml:2:8", "log.toml:3:13", "", "",
	}, placesIn(dir, wrong))
	require.ErrorContains(t, wrong, "--log-level: ")
	require.ErrorContains(t, wrong, "one is set without the other")
	require.Equal(t, []string{"agent.toml:7:10"}, placesIn(dir, out.warnings))
}

func TestEveryTemplateFaultAtOnce(t *testing.T) {
	t.Parallel()
	src := `{% for x in y %}
{{ x }}
{% endfor %}
{{ system.host | title }}
{{ env(name='NO') }}
{% if vars.a in 5 %}
a = '{{ now() }}'
{% else %}{% else %}
{% endif %}
{# never closed`
	err := parseConfig(src, testScope(nil))
	var all problems
	require.ErrorAs(t, err, &all)
	var lines []int
	for _, p := range all {
		lines = append(lines, p.Line)
	}
	require.Equal(t, []int{1, 2, 4, 5, 6, 7, 8, 10}, lines, err)
}

func placesIn(dir string, found problems) []string {
	var places []string
	for _, p := range found {
		if p.File == "" {
			places = append(places, "")
			continue
		}
		places = append(places, strings.TrimPrefix(p.File, dir+string(filepath.Separator))+":"+itoa(p.Line)+":"+itoa(p.Column))
	}
	return places
}
