package agentcli

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// testScope is a Linux host named pc-7 with a few variables.
func testScope(env map[string]string) scope {
	return scope{
		system: map[string]func() (string, error){
			"os": fixed("linux"), "arch": fixed("x86_64"), "host": fixed("pc-7"),
			"user": fixed("ada"), "cwd": fixed("/srv/x"),
		},
		home:      fixed("/home/ada"),
		lookupEnv: func(name string) (string, bool) { v, ok := env[name]; return v, ok },
	}
}

// parseConfig renders and reads a file that has no name and includes nothing.
func parseConfig(src string, s scope) error {
	set, found := readConfigSet("", s, func(string) (string, error) { return src, nil })
	f := &configFile{documents: set.documents, values: map[string][]configValue{}, mistyped: map[string]bool{}}
	for _, d := range set.documents {
		if len(found) == 0 {
			found = append(found, f.take(d)...)
		}
	}
	return found.ordered().err()
}

// expand renders a file, be the result TOML or not.
func expand(src string, s scope) (rendered, error) {
	if _, faults := parseTemplate(strings.TrimPrefix(src, "\ufeff")); len(faults) > 0 {
		return rendered{src: src}, faults[0]
	}
	set, found := readConfigSet("", s, func(string) (string, error) { return src, nil })
	if len(set.documents) == 0 {
		return rendered{src: src}, found.err()
	}
	out := set.documents[0].out
	if strings.Contains(found.Error(), "not UTF-8") {
		return out, found.err()
	}
	if len(out.faults)+len(out.pending) > 0 {
		return out, found.err()
	}
	return out, nil
}

func TestRender(t *testing.T) {
	t.Parallel()
	s := testScope(map[string]string{"SITE": "lab", "EMPTY": ""})
	for name, tc := range map[string]struct{ src, want string }{
		"text only":                {"a = 1\r\n", "a = 1\r\n"},
		"nothing":                  {"", ""},
		"single braces":            {"x = { a = 1 } # %}", "x = { a = 1 } # %}"},
		"system":                   {"{{ system.host }} {{system.os}} {{ system.arch}} {{system.user }} {{ system.cwd }}", "pc-7 linux x86_64 ada /srv/x"},
		"home":                     {"{{ home() }}", "/home/ada"},
		"env":                      {`{{ env(name="SITE") }}`, "lab"},
		"env single quotes":        {`{{ env(name='SITE') }}`, "lab"},
		"env backquotes":           {"{{ env(name=`SITE`) }}", "lab"},
		"env set wins":             {`{{ env(name="SITE", default="y") }}`, "lab"},
		"env default":              {`{{ env(name="NO", default="y") }}`, "y"},
		"env default first":        {`{{ env(default='y', name="NO") }}`, "y"},
		"env default host":         {`{{ env(name="NO", default=system.host) }}`, "pc-7"},
		"env default number":       {`{{ env(name="NO", default=4222) }}`, "4222"},
		"env default env":          {`{{ env(name="NO", default=env(name="SITE")) }}`, "lab"},
		"env set but empty":        {`[{{ env(name="EMPTY", default="y") }}]`, "[]"},
		"env trailing comma":       {`{{ env(name="SITE",) }}`, "lab"},
		"env over lines":           {"{{ env(\n  name = \"SITE\",\n  default = \"y\"\n) }}", "lab"},
		"quoted delimiter":         {`{{ env(name="NO", default="}}") }}`, "}}"},
		"literal":                  {`{{ "x" }}{{ 'y' }}{{ 5 }}{{ true }}`, "xy5true"},
		"if":                       {"{% if is_linux() %}L{% endif %}{% if is_windows() %}W{% endif %}", "L"},
		"else":                     {"{% if is_windows() %}W{% else %}U{% endif %}", "U"},
		"elif":                     {"{% if is_windows() %}W{% elif is_mac() %}M{% elif is_linux() %}L{% else %}?{% endif %}", "L"},
		"not":                      {"{% if not is_windows() %}a{% endif %}{% if not not is_windows() %}b{% endif %}", "a"},
		"nested":                   {"{% if is_linux() %}{% if is_mac() %}M{% else %}{{ system.os }}{% endif %}!{% endif %}", "linux!"},
		"equal":                    {`{% if system.os == "linux" %}L{% endif %}{% if system.os != 'linux' %}X{% endif %}`, "L"},
		"and, or":                  {`{% if is_mac() and is_linux() or is_linux() %}a{% endif %}{% if is_mac() and (is_linux() or is_linux()) %}b{% endif %}`, "a"},
		"not binds weaker":         {`{% if not system.os == "windows" %}a{% endif %}`, "a"},
		"text is true":             {`{% if system.host %}a{% endif %}{% if "" %}b{% endif %}{% if 0 %}c{% endif %}`, "a"},
		"or stops early":           {`{% if is_linux() or env(name="NO") %}a{% endif %}`, "a"},
		"and stops early":          {`{% if is_mac() and env(name="NO") %}a{% endif %}`, ""},
		"branch not taken":         {`{% if is_windows() %}{{ env(name="NO") }}{% endif %}ok`, "ok"},
		"comment":                  {"a{# {{ no }} {% for %} #}b", "ab"},
		"comment over lines":       {"a{# x\ny #}b", "ab"},
		"trimmed":                  {"a \n {{- system.os -}} \n b {%- if true -%} c {%- endif -%} d {#- x -#} e", "alinuxbcde"},
		"no trimming by itself":    {"{% if true %}\na\n{% endif %}\n", "\na\n\n"},
		"lower, upper":             {`{{ 'Pc-7.Example' | lower }} {{ system.host|upper }}`, "pc-7.example PC-7"},
		"other scripts":            {`{{ '東京-PC' | lower }}`, "東京-pc"},
		"trim, replace":            {`{{ '  a.b.c ' | trim | replace(from=".", to="-") }}`, "a-b-c"},
		"filter on function":       {`{{ env(name="SITE") | upper }}`, "LAB"},
		"filter in an argument":    {`{{ env(name="NO", default=system.host | upper) }}`, "PC-7"},
		"filter before ==":         {`{% if system.host | upper == "PC-7" and not "A" | lower == "A" %}a{% endif %}`, "a"},
		"default unset":            {`{{ vars.no | default(value="d") }} {{ system.no | default(value=5) }} {{ no.thing | default(value=system.os) | upper }}`, "d 5 LINUX"},
		"default set":              {`{{ system.os | default(value="d") }}`, "linux"},
		"hash":                     {`{{ '' | hash }} {{ 'a' | hash }} {{ 'foobar' | hash }}`, "14695981039346656037 12638187200555641996 9625390261332436968"},
		"port":                     {`{{ 'foobar' | hash | port_offset(start=4000, range=1000) }} {{ 7 | port_offset(range=5, start=0) }}`, "4968 2"},
		"numbers are equal":        {`{% if 1 == 1.0 and 1 != 2 %}a{% endif %}`, "a"},
		"kinds are not":            {`{% if true == "true" %}a{% endif %}{% if true != "true" %}b{% endif %}`, "b"},
		"output is not a template": {`{{ env(name="NO", default="{{ system.os }}") }}`, "{{ system.os }}"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := expand(tc.src, s)
			require.NoError(t, err)
			require.Equal(t, tc.want, got.text)
		})
	}
}

func TestRenderErrors(t *testing.T) {
	t.Parallel()
	s := testScope(nil)
	s.home = func() (string, error) { return "", errors.New("no home here") }
	for name, tc := range map[string]struct {
		src, want string
		line      int
	}{
		"for":                   {"a\n{% for x in y %}", `the template tag "for" is not supported`, 2},
		"set":                   {"{% set a = 1 %}", `the template tag "set" is not supported`, 1},
		"include":               {"\n\n{% include 'a' %}", `the template tag "include" is not supported`, 3},
		"for, branch not taken": {"{% if is_windows() %}\n{% for x in y %}{% endfor %}{% endif %}", `"for" is not supported`, 2},
		"filter":                {"x\n{{ system.host | title }}", `the template filter "title" is not supported`, 2},
		"filter on function":    {"{{ env(name='X' | slugify) }}", `the template filter "slugify" is not supported`, 1},
		"pipe":                  {"{{ system.os | }}", "expected the name of a filter", 1},
		"plus":                  {"{{ 1 + 2 }}", `operator "+" is not supported`, 1},
		"concatenation":         {"{{ system.os ~ 'x' }}", `operator "~" is not supported`, 1},
		"less":                  {"{% if 1 <= 2 %}{% endif %}", `operator "<=" is not supported`, 1},
		"in":                    {"{% if 'a' in system.os %}{% endif %}", `operator "in" is not supported`, 1},
		"is":                    {"{% if vars.x is defined %}{% endif %}", `operator "is" is not supported`, 1},
		"list":                  {"{{ [1] }}", "lists and indexes are not supported", 1},
		"function":              {"\n{{ now() }}", "function now() is not supported", 2},
		"undefined":             {"a\nb {{ foo }}", "undefined variable foo", 2},
		"undefined system":      {"{{ system.colour }}", "undefined variable system.colour", 1},
		"undefined var":         {"\n\n{{ vars.x }}", "undefined variable vars.x", 3},
		"undefined in if":       {"\n{% if vars.x %}{% endif %}", "undefined variable vars.x", 2},
		"var is a table":        {"[vars.x]\na=1\n[b]\nc='{{ vars.x }}'", "undefined variable vars.x", 0},
		"env unset":             {"\n{{ env(name='NO') }}", `environment variable "NO" is not set`, 2},
		"env without name":      {"{{ env(default='x') }}", "env() needs an argument name", 1},
		"env unknown":           {"{{ env(nme='x') }}", `env() has no argument "nme"`, 1},
		"env positional":        {"{{ env('x') }}", "expected an argument written name=value", 1},
		"argument twice":        {"{{ env(name='x', name='y') }}", `argument "name" is given twice`, 1},
		"home":                  {"{{ home() }}", "no home here", 1},
		"home argument":         {"{{ home(x=1) }}", `home() has no argument "x"`, 1},
		"filter without args":   {"{{ system.os | replace(from='a') }}", "the filter replace needs an argument to", 1},
		"filter, other args":    {"{{ system.os | lower(x=1) }}", `the filter lower has no argument "x"`, 1},
		"filter of another":     {"\n{{ 5 | lower }}", "the filter lower takes a text, not 5", 2},
		"hash of a number":      {"{{ 5 | hash }}", "the filter hash takes a text, not 5", 1},
		"port of a text":        {"{{ '5' | port_offset(start=1, range=2) }}", `the filter port_offset takes whole numbers, not "5"`, 1},
		"port of a fraction":    {"{{ 1.5 | port_offset(start=1, range=2) }}", `the filter port_offset takes whole numbers, not "1.5"`, 1},
		"no range":              {"{{ 5 | port_offset(start=1, range=0) }}", "the filter port_offset needs a range above 0", 1},
		"port beyond numbers":   {"{{ 5 | port_offset(start=18446744073709551615, range=9) }}", "makes a number that is too large", 1},
		"replace with a number": {"{{ system.os | replace(from='a', to=5) }}", "the filter replace takes texts", 1},
		"replace to too much":   {"{{ '" + strings.Repeat("x", 300) + "' | replace(from='', to='" + strings.Repeat("x", 300) + "') }}", "makes more than 65536 bytes", 1},
		"capitals of others":    {"{{ 'straße' | upper }}", `not for 'ß'`, 1},
		"letters of others":     {"{{ 'İ' | lower }}", `not for 'İ'`, 1},
		"default comes first":   {"{{ vars.x | lower | default(value='y') }}", "undefined variable vars.x", 1},
		"default of env":        {"{{ env(name='NO') | default(value='y') }}", `environment variable "NO" is not set`, 1},
		"default without value": {"{{ vars.x | default }}", "the filter default needs an argument value", 1},
		"number beside text":    {"{% if 1 == '1' %}{% endif %}", `"1" and "1" cannot be compared: one of them is a number`, 1},
		"no number at all":      {"{% if 1.2.3 == 1 %}{% endif %}", "not both are numbers", 1},
		"filters too deep":      {"{{ 'x'" + strings.Repeat(" | lower", 101) + " }}", "nested more than 100 deep", 1},
		"not closed":            {"a\n{{ system.os", "expected }}, found the end of the file", 2},
		"wrong close":           {"{{ system.os %}", `expected }}, found "%}"`, 1},
		"tag not closed":        {"{% if true", "expected %}, found the end of the file", 1},
		"if not closed":         {"a\n{% if true %}\n\n", "{% if %} without {% endif %}", 2},
		"endif alone":           {"\n{% endif %}", "{% endif %} without {% if %}", 2},
		"else alone":            {"{% else %}", "{% else %} without {% if %}", 1},
		"else twice":            {"{% if true %}\n{% else %}\n{% else %}{% endif %}", "{% else %} after {% else %}", 3},
		"elif after else":       {"{% if true %}{% else %}{% elif true %}{% endif %}", "{% elif %} after {% else %}", 1},
		"empty output":          {"{{ }}", `expected a value, found "}}"`, 1},
		"empty if":              {"{% if %}{% endif %}", `expected a value, found "%}"`, 1},
		"empty tag":             {"{% %}", `expected a template tag such as if`, 1},
		"string not closed":     {"\n{{ 'abc }}", "the string is not closed", 2},
		"comment not closed":    {"\n{# abc", "the comment {# is not closed", 2},
		"group not closed":      {"{{ (1 }}", "expected )", 1},
		"nested too deep":       {strings.Repeat("{% if true %}", 101) + strings.Repeat("{% endif %}", 101), "nested more than 100 deep", 1},
		"calls too deep":        {"{{ " + strings.Repeat("env(name=", 101) + "'x'" + strings.Repeat(")", 101) + " }}", "nested more than 100 deep", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := parseConfig(tc.src, s)
			if tc.line == 0 {
				require.ErrorContains(t, err, "vars.x is a table or a list")
				return
			}
			require.ErrorContains(t, err, tc.want)
			require.Regexp(t, `^`+itoa(tc.line)+`:\d+: `, err.Error())
			require.NotContains(t, err.Error(), "\n")
		})
	}
}

func TestVars(t *testing.T) {
	t.Parallel()
	s := testScope(map[string]string{"SITE": "lab"})
	for name, tc := range map[string]struct{ src, want string }{
		"plain":        {"[vars]\na='1'\n[x]\nb='{{ vars.a }}'", "b='1'"},
		"forward":      {"[x]\nb='{{ vars.a }}'\n[vars]\na='{{ vars.c }}2'\nc='{{ system.host }}'", "b='pc-72'"},
		"same quotes":  {"[vars]\na=\"{{ env(name=\"SITE\") }}\"\n[x]\nb=\"{{ vars.a }}\"", `b="lab"`},
		"table":        {"[vars.db]\nhost='h'\n[x]\nb='{{ vars.db.host }}'", "b='h'"},
		"number":       {"[vars]\np=42\n[x]\nb={{ vars.p }}", "b=42"},
		"bare":         {"[vars]\np={{ vars.q }}\nq=7\n[x]\nb={{ vars.p }}", "b=7"},
		"fraction":     {"[vars]\np=1.0\nq=0.25\n[x]\nb='{{ vars.p }} {{ vars.q }} {% if vars.p == 1 %}one{% endif %}'", "b='1.0 0.25 one'"},
		"filter":       {"[vars]\na='PC'\n[x]\nb='{{ vars.a | lower }}'", "b='pc'"},
		"not default":  {"[x]\nb='{{ vars.a | default(value=\"d\") }}'\n[vars]\na='1'", "b='1'"},
		"default vars": {"[vars]\na='{{ vars.b | default(value=\"d\") }}'\nb='{{ vars.c | default(value=\"e\") }}'\n[x]\nb='{{ vars.a }}'", "b='e'"},
		"bool":         {"[vars]\non=true\n[x]\nb='{% if vars.on %}y{% else %}n{% endif %}'", "b='y'"},
		"condition":    {"[vars]\n{% if is_windows() %}d='C:/x'{% else %}d='/x'{% endif %}\n[x]\nb='{{ vars.d }}/y'", "b='/x/y'"},
		"on condition": {"[vars]\n{% if vars.a == 'z' %}\nd='1'\n{% endif %}\na='{{ vars.z }}'\nz='z'\n[x]\nb='{{ vars.d }}'", "b='1'"},
		"default":      {"[vars]\nq='d'\n[x]\nb='{{ env(name=\"NO\", default=vars.q) }}'", "b='d'"},
		"nine deep":    {chain(9) + "[x]\nb='{{ vars.v0 }}'", "b='end'"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := expand(tc.src, s)
			require.NoError(t, err)
			require.Contains(t, got.text, tc.want)
			require.NotContains(t, got.text, unknown)
		})
	}
}

func TestVarsErrors(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ src, want string }{
		"itself":                     {"[vars]\na='{{ vars.a }}'", `2:7: undefined variable vars.a (missing, or made from itself)`},
		"a ring":                     {"[vars]\na='{{ vars.b }}'\nb='{{ vars.a }}x'", `2:7: undefined variable vars.b`},
		"grows by its default":       {"[vars]\na='{{ vars.a | default(value=\"x\") }}y'", "did not settle in 10 passes"},
		"not a number":               {"[vars]\na=nan\n[x]\nb='{{ vars.a }}'", "4:7: vars.a is no number that can be written"},
		"missing":                    {"[vars]\na='1'\n[x]\nb='{{ vars.z }}'", `4:7: undefined variable vars.z`},
		"too deep":                   {chain(10) + "[x]\nb='{{ vars.v0 }}'", "did not settle in 10 passes"},
		"not a table":                {"vars=1\nb='{{ vars.z }}'", "undefined variable vars.z"},
		"too big":                    {"[vars]\na='" + strings.Repeat("x", 2000) + "'\nb='" + strings.Repeat("{{ vars.a }}", 600) + "'", "grows beyond"},
		"bad TOML while not settled": {"[vars]\na='{{ vars.b }}'\nb=\n", "3:3: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := parseConfig(tc.src, testScope(nil))
			require.ErrorContains(t, err, tc.want)
		})
	}
}

// chain makes v0 from v1 from v2 …, n variables in all.
func chain(n int) string {
	var text strings.Builder
	text.WriteString("[vars]\n")
	for i := range n - 1 {
		text.WriteString("v" + itoa(i) + "='{{ vars.v" + itoa(i+1) + " }}'\n")
	}
	return text.String() + "v" + itoa(n-1) + "='end'\n"
}

// An error in the TOML behind templates is shown where its author wrote it.
func TestPositionsAreThoseOfTheSource(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ src, want string }{
		"after a skipped block":    {"{% if is_windows() %}\na=1\nb=2\n{% endif %}\n[agent]\nid = 5\n", "6:6: agent.id"},
		"after an inserted value":  {"[agent]\nx='{{ system.cwd }}'; id = 5\n", "2:21: "},
		"inside an inserted value": {"[agent]\nid = {{ system.os }}\n", "2:9: "},
		"at the end":               {"[agent]\n[log", "2:4: "},
		"trimmed":                  {"a='{#- x -#}\n\n\n'\nb=\n", "5:3: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := parseConfig(tc.src, testScope(nil))
			require.ErrorContains(t, err, tc.want)
		})
	}
}
