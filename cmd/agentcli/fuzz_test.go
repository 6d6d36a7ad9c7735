package agentcli

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var fuzzSeeds = []string{
	"", "{{", "{%", "{#", "}}", "{{ system.host }}", "{%- if is_linux() -%}\na\n{%- endif -%}",
	`{{ env(name="X", default=system.host) }}`, "[vars]\na='{{ vars.b }}'\nb={{ vars.c }}\nc=1\n",
	"[vars]\na='{{ vars.a }}'", "{{ vars.a | default(value='x') | lower | hash | port_offset(start=1, range=2) }}", "{{ 'a' | replace(from='', to='b') | trim }}",
	"{% if not vars.a == 'b' or (1 and 2) %}x{% elif 3 %}{% else %}{% endif %}",
	"[agent]\nid='x'\nnats_url='nats://h:4222'\ngroups=['a']\n[log]\npath='a.log'\nlevel='info'\nkeep_days=3\n",
	"agent = 5", "[agent]\nconcurrency='x'", "\xff", "\ufeff[agent]", "[agent\n", "a = \"\\u12", "include=['a']",
}

// FuzzRender: rendering ends, says where an error is, and finds the way back
// from every offset of its output.
func FuzzRender(f *testing.F) {
	for _, seed := range fuzzSeeds {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, src string) {
		r, err := expand(src, testScope(nil))
		if err != nil {
			require.NotEmpty(t, err.Error())
			line, column := position(src, 1<<30)
			require.Positive(t, line)
			require.Positive(t, column)
			return
		}
		for offset := range len(r.text) + 1 {
			at := r.source(offset)
			require.GreaterOrEqual(t, at, 0)
			require.LessOrEqual(t, at, len(src))
		}
		if !strings.Contains(src, "{") {
			require.Equal(t, strings.TrimPrefix(src, "\ufeff"), r.text)
		}
	})
}

// FuzzConfig: no file makes loading panic, and every error is one line.
func FuzzConfig(f *testing.F) {
	for _, seed := range fuzzSeeds {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, src string) {
		path := writeFile(t, "agent.toml", src)
		_, err := load(flagValues{configFlag: {path}}, testSurroundings(t, nil))
		if err != nil {
			require.NotContains(t, oneLine(err), "\n")
		}
	})
}
