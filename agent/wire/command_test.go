package wire

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func minimal() Command {
	return Command{ID: "i", Version: "v", RequestID: "r", Shell: "cmd", Script: "s", TimeoutSecs: 5}
}

// with returns the smallest legal command with more members.
func with(members string) string {
	if members != "" {
		members = "," + members
	}
	return `{"id":"i","version":"v","request_id":"r","shell":"cmd","script":"s","timeout_secs":5` + members + `}`
}

// replaced returns the smallest legal command with one member changed; an empty
// member is left out.
func replaced(old, member string) string {
	doc := with("")
	if member == "" {
		if strings.Contains(doc, old+",") {
			old += ","
		} else {
			old = "," + old
		}
	}
	return strings.Replace(doc, old, member, 1)
}

func TestDecodeCommandAccepts(t *testing.T) {
	t.Parallel()
	change := func(f func(*Command)) Command {
		c := minimal()
		f(&c)
		return c
	}
	deadline := change(func(c *Command) { c.DeadlineAt = at(2031, 3, 4, 5, 6, 7, 0) })
	strict := change(func(c *Command) { c.Staleness = Staleness{StalenessStrict, "notaduration"} })
	exec := change(func(c *Command) { c.ExecID = "e" })
	tests := map[string]struct {
		doc  string
		want Command
	}{
		"all optional absent":            {with(""), minimal()},
		"all optional null":              {with(`"exec_id":null,"jitter_secs":null,"cwd":null,"deadline_at":null,"emit":null,"script_object":null,"script_object_sha256":null`), minimal()},
		"exec_id":                        {with(`"exec_id":"e"`), exec},
		"job_id alone":                   {with(`"job_id":"e"`), exec},
		"empty exec_id is none":          {with(`"exec_id":""`), minimal()},
		"extra key":                      {with(`"zz":{"a":[1,2.5e3,true,null,"x"]}`), minimal()},
		"name in other case is unknown":  {with(`"EXEC_ID":"x","Shell":"bash"`), minimal()},
		"escaped key":                    {replaced(`"shell"`, `"\u0073hell"`), minimal()},
		"blanks":                         {" \t\r\n" + strings.ReplaceAll(with(""), ",", " , ") + "\n", minimal()},
		"empty script":                   {replaced(`"script":"s"`, `"script":""`), change(func(c *Command) { c.Script = "" })},
		"any shell":                      {replaced(`"shell":"cmd"`, `"shell":"bash"`), change(func(c *Command) { c.Shell = "bash" })},
		"timeout 0":                      {replaced(`"timeout_secs":5`, `"timeout_secs":0`), change(func(c *Command) { c.TimeoutSecs = 0 })},
		"largest timeout":                {replaced(`"timeout_secs":5`, `"timeout_secs":18446744073709551615`), change(func(c *Command) { c.TimeoutSecs = math.MaxUint64 })},
		"jitter":                         {with(`"jitter_secs":30`), change(func(c *Command) { c.JitterSecs = 30 })},
		"run_as":                         {with(`"run_as":"system_gui"`), change(func(c *Command) { c.RunAs = RunAsSystemGUI })},
		"deadline":                       {with(`"deadline_at":"2031-03-04T05:06:07Z"`), deadline},
		"deadline elsewhere":             {with(`"deadline_at":"2031-03-04 14:06:07 +0900"`), deadline},
		"staleness cached":               {with(`"staleness":{"mode":"cached"}`), minimal()},
		"staleness with extra key":       {with(`"staleness":{"mode":"cached","zz":1}`), minimal()},
		"allowance without strict":       {with(`"staleness":{"max_cache_age":7,"mode":"cached"}`), minimal()},
		"staleness strict":               {with(`"staleness":{"mode":"strict","max_cache_age":"notaduration"}`), strict},
		"staleness strict, mode last":    {with(`"staleness":{"max_cache_age":"notaduration","zz":[],"mode":"strict"},"cwd":null`), strict},
		"emit":                           {with(`"emit":{"type":"events"}`), change(func(c *Command) { c.Emit = &EmitConfig{} })},
		"emit with null path":            {with(`"emit":{"watermark_path":null,"type":"events"}`), change(func(c *Command) { c.Emit = &EmitConfig{} })},
		"command_kind shell":             {with(`"command_kind":"shell"`), minimal()},
		"surrogate pair":                 {replaced(`"script":"s"`, `"script":"\ud83d\ude00\/\u00E9"`), change(func(c *Command) { c.Script = "😀/é" })},
		"as many levels as allowed":      {with(`"zz":` + nested(maxDepth-1)), minimal()},
		"more lists than levels":         {with(`"zz":[` + strings.Repeat(`[1],{"a":2},`, 500) + `[]]`), minimal()},
		"number forms in unknown fields": {with(`"zz":[0,-0,-1,1.0,1e2,1E+2,0.5e-7,1e999]`), minimal()},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := DecodeCommand([]byte(tt.doc))
			require.NoError(t, err)
			require.Equal(t, tt.want, got)
			require.NoError(t, got.Validate())
		})
	}
}

func nested(levels int) string {
	return strings.Repeat("[", levels) + strings.Repeat("]", levels)
}

func TestDecodeCommandRejects(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		doc  string
		want string // part of the message
	}{
		"exec_id and job_id":           {with(`"exec_id":"a","job_id":"b"`), "exec_id and its alias job_id"},
		"exec_id null and job_id":      {with(`"exec_id":null,"job_id":"b"`), "exec_id and its alias job_id"},
		"duplicate key":                {with(`"shell":"cmd"`), `field "shell": the key appears twice`},
		"duplicate unknown key":        {with(`"zz":1,"zz":1`), `field "zz": the key appears twice`},
		"duplicate by escape":          {with(`"\u0069d":"j"`), `field "id": the key appears twice`},
		"duplicate inside":             {with(`"zz":[{"a":1,"a":2}]`), `field "zz.a": the key appears twice`},
		"duplicate among many":         {with(manyKeys(100) + `,"k99":0`), `field "k99": the key appears twice`},
		"staleness null":               {with(`"staleness":null`), `field "staleness": expected an object, found null`},
		"staleness as string":          {with(`"staleness":"cached"`), `field "staleness": expected an object, found a string`},
		"staleness empty":              {with(`"staleness":{}`), `field "mode" is missing`},
		"strict without allowance":     {with(`"staleness":{"mode":"strict"}`), `field "max_cache_age" is missing`},
		"strict with null allowance":   {with(`"staleness":{"mode":"strict","max_cache_age":null}`), `field "staleness.max_cache_age": expected a string, found null`},
		"unknown mode":                 {with(`"staleness":{"mode":"Strict"}`), `field "staleness.mode": expected one of "cached", "unchecked", "strict", found "Strict"`},
		"run_as null":                  {with(`"run_as":null`), `field "run_as": expected a string, one of "system", "user", "system_gui", found null`},
		"run_as in other case":         {with(`"run_as":"System"`), `found "System"`},
		"shell null":                   {replaced(`"shell":"cmd"`, `"shell":null`), `field "shell": expected a string, found null`},
		"script missing":               {replaced(`"script":"s"`, ""), `field "script" is missing`},
		"script null":                  {replaced(`"script":"s"`, `"script":null`), `field "script": expected a string, found null`},
		"id missing":                   {replaced(`"id":"i"`, ""), `field "id" is missing`},
		"version missing":              {replaced(`"version":"v"`, ""), `field "version" is missing`},
		"request_id missing":           {replaced(`"request_id":"r"`, ""), `field "request_id" is missing`},
		"shell missing":                {replaced(`"shell":"cmd"`, ""), `field "shell" is missing`},
		"timeout missing":              {replaced(`"timeout_secs":5`, ""), `field "timeout_secs" is missing`},
		"timeout null":                 {timeout("null"), "found null"},
		"timeout as string":            {timeout(`"5"`), "found a string"},
		"timeout with fraction":        {timeout("5.0"), `field "timeout_secs": expected a whole number from 0 to 18446744073709551615, found "5.0"`},
		"timeout with exponent":        {timeout("1e2"), `found "1e2"`},
		"timeout negative":             {timeout("-1"), `found "-1"`},
		"timeout minus zero":           {timeout("-0"), `found "-0"`},
		"timeout too large":            {timeout("18446744073709551616"), `found "18446744073709551616"`},
		"timeout far too large":        {timeout(strings.Repeat("9", 1000)), `"...`},
		"timeout with leading zero":    {timeout("05"), "expected a number"},
		"jitter with fraction":         {with(`"jitter_secs":1.5`), `field "jitter_secs"`},
		"deadline without offset":      {with(`"deadline_at":"2031-03-04T05:06:07"`), `field "deadline_at": expected an RFC 3339 timestamp with offset, found "2031-03-04T05:06:07": no offset`},
		"deadline as number":           {with(`"deadline_at":1`), `expected an RFC 3339 timestamp with offset, found "1"`},
		"deadline is the zero time":    {with(`"deadline_at":"0001-01-01T00:00:00Z"`), "it is not set"},
		"emit with extra key":          {with(`"emit":{"type":"events","zz":1}`), `field "emit.zz": expected no other key`},
		"emit without type":            {with(`"emit":{}`), `field "type" is missing`},
		"emit of unknown type":         {with(`"emit":{"type":"Events"}`), `found "Events"`},
		"emit as array":                {with(`"emit":[]`), "expected an object, found an array"},
		"other kind":                   {with(`"command_kind":"deploy"`), `field "command_kind": expected one of "shell", found "deploy"`},
		"kind null":                    {with(`"command_kind":null`), `field "command_kind"`},
		"payload_version":              {with(`"payload_version":1`), `field "payload_version": not allowed in a shell command`},
		"operation":                    {with(`"operation":{}`), `field "operation": not allowed`},
		"deploy_authorization":         {with(`"deploy_authorization":null`), `field "deploy_authorization": not allowed`},
		"not an object":                {`[1]`, "expected an object, found an array"},
		"nothing":                      {``, "expected an object, found the end of the document"},
		"byte order mark":              {"\ufeff" + with(""), "expected an object"},
		"trailing data":                {with("") + "{}", "expected the end of the document"},
		"trailing comma":               {strings.TrimSuffix(with(""), "}") + ",}", "expected a key"},
		"single quotes":                {`{'id':'i'}`, "expected a key at byte 1"},
		"cut off":                      {with("")[:40], "expected"},
		"lone surrogate":               {replaced(`"s"`, `"\ud800"`), `field "script": expected a whole surrogate pair`},
		"surrogates in wrong order":    {replaced(`"s"`, `"\ude00\ud83d"`), "surrogate pair"},
		"unknown escape":               {replaced(`"s"`, `"\x41"`), "expected a valid escape"},
		"short unicode escape":         {replaced(`"s"`, `"\u12"`), "expected four hex digits"},
		"raw newline in a string":      {replaced(`"s"`, "\"a\nb\""), "control character 0x0a"},
		"invalid UTF-8":                {replaced(`"s"`, "\"a\xffb\""), `field "script": expected valid UTF-8`},
		"invalid UTF-8 after escape":   {replaced(`"s"`, "\"\\n\xc3\""), `field "script": expected valid UTF-8`},
		"invalid UTF-8, unknown key":   {with("\"zz\":\"\xff\""), `field "zz": expected valid UTF-8`},
		"literal misspelt":             {with(`"zz":nul`), `field "zz": expected a value at byte`},
		"one level too deep":           {with(`"zz":` + nested(maxDepth)), "nested deeper than 128 levels"},
		"very deep":                    {with(`"zz":` + strings.Repeat(`{"a":[`, 1_000_000)), "nested deeper than 128 levels"},
		"long string in place of kind": {with(`"run_as":"` + strings.Repeat("ä", 1000) + `"`), `ä"...`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := DecodeCommand([]byte(tt.doc))
			require.ErrorIs(t, err, ErrDecode)
			require.ErrorContains(t, err, tt.want)
			require.Less(t, len(err.Error()), 300)
			require.Equal(t, Command{ID: got.ID, RequestID: got.RequestID, ExecID: got.ExecID}, got)
		})
	}
}

func timeout(value string) string {
	return replaced(`"timeout_secs":5`, `"timeout_secs":`+value)
}

func manyKeys(n int) string {
	keys := make([]string, n)
	for i := range keys {
		keys[i] = fmt.Sprintf(`"k%d":%d`, i, i)
	}
	return strings.Join(keys, ",")
}

func TestDecodeCommandKeepsIDsOfABadCommand(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		doc  string
		want Command
	}{
		"problem before the ids":  {`{"timeout_secs":"x","emit":{"zz":1},"id":"i","request_id":"r","exec_id":"e"}`, Command{ID: "i", RequestID: "r", ExecID: "e"}},
		"both names of exec_id":   {with(`"exec_id":"a","job_id":"b"`), Command{ID: "i", RequestID: "r", ExecID: "a"}},
		"null before the alias":   {with(`"exec_id":null,"job_id":"b"`), Command{ID: "i", RequestID: "r", ExecID: "b"}},
		"request_id twice":        {with(`"request_id":"other"`), Command{ID: "i", RequestID: "r"}},
		"script not UTF-8":        {"{\"script\":\"\xff\",\"request_id\":\"r\"}", Command{RequestID: "r"}},
		"syntax lost after it":    {`{"request_id":"r","id":i}`, Command{RequestID: "r"}},
		"syntax lost before it":   {`{"id":i,"request_id":"r"}`, Command{}},
		"cut off within":          {`{"request_id":"r`, Command{}},
		"wrong type":              {`{"request_id":5,"id":"i"}`, Command{ID: "i"}},
		"trailing data":           {with("") + "x", Command{ID: "i", RequestID: "r"}},
		"raw newline in a script": {"{\"script\":\"a\nb\",\"request_id\":\"r\"}", Command{RequestID: "r"}},
		"too deep after it":       {`{"request_id":"r","zz":` + nested(500) + `,"id":"i"}`, Command{RequestID: "r"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := DecodeCommand([]byte(tt.doc))
			require.ErrorIs(t, err, ErrDecode)
			require.Equal(t, tt.want, got)
		})
	}
}

func TestDecodeErrorsShowLittle(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("SECRET", 100)
	for _, doc := range []string{
		with(`"run_as":"` + long + `"`),
		with(`"` + long + `":{"` + long + `":nul}`),
		with(`"deadline_at":"` + long + `"`),
		with(`"` + long + `":1,"` + long + `":2`),
		with(`"staleness":{"` + long + `":0` + strings.Repeat("1", 500) + `}`),
	} {
		_, err := DecodeCommand([]byte(doc))
		require.ErrorIs(t, err, ErrDecode)
		require.LessOrEqual(t, strings.Count(err.Error(), "SECRET")*len("SECRET"), 64, err.Error())
		require.Less(t, len(err.Error()), 300)
	}
	_, err := DecodeCommand([]byte(replaced(`"timeout_secs":5`, `"timeout_secs":"SECRET"`)))
	require.NotContains(t, err.Error(), "SECRET")
}

func TestCommandValidate(t *testing.T) {
	t.Parallel()
	tests := map[string]func(*Command){
		"request_id":    func(c *Command) { c.RequestID = "a b" },
		"exec_id":       func(c *Command) { c.ExecID = "*" },
		"run_as":        func(c *Command) { c.RunAs = 9 },
		"staleness":     func(c *Command) { c.Staleness.Mode = 9 },
		"strict mode":   func(c *Command) { c.Staleness.MaxCacheAge = "1s" },
		"max_cache_age": func(c *Command) { c.Staleness = Staleness{StalenessStrict, "\xff"} },
		"emit type":     func(c *Command) { c.Emit = &EmitConfig{Type: 9} },
		"script":        func(c *Command) { c.Script = "\xff" },
		"deadline_at":   func(c *Command) { c.DeadlineAt = at(10000, 1, 1, 0, 0, 0, 0) },
	}
	for want, change := range tests {
		c := minimal()
		change(&c)
		require.ErrorIs(t, c.Validate(), ErrInvalid, want)
		require.ErrorContains(t, c.Validate(), want)
		data, err := c.Encode()
		require.ErrorIs(t, err, ErrInvalid, want)
		require.Nil(t, data)
	}
	all := Command{RequestID: "", ExecID: ".", RunAs: 9}
	require.ErrorContains(t, all.Validate(), "request_id")
	require.ErrorContains(t, all.Validate(), "exec_id")
	require.ErrorContains(t, all.Validate(), "run_as")
}

func TestCommandTimes(t *testing.T) {
	t.Parallel()
	tests := []struct {
		secs            uint64
		timeout, jitter time.Duration
	}{
		{0, time.Second, 0},
		{1, time.Second, 0},
		{2, 2 * time.Second, 2 * time.Second},
		{math.MaxInt64, math.MaxInt64, math.MaxInt64},
		{math.MaxUint64, math.MaxInt64, math.MaxInt64},
	}
	for _, tt := range tests {
		c := Command{TimeoutSecs: tt.secs, JitterSecs: tt.secs}
		require.Equal(t, tt.timeout, c.Timeout())
		require.Equal(t, tt.jitter, c.Jitter())
	}
}

func TestStalenessPermits(t *testing.T) {
	t.Parallel()
	strict := func(age string) Staleness { return Staleness{StalenessStrict, age} }
	tests := []struct {
		s        Staleness
		observed time.Duration
		want     bool
	}{
		{Staleness{}, 0, true},
		{Staleness{}, NeverConnected, true},
		{Staleness{Mode: StalenessUnchecked}, NeverConnected, true},
		{strict("0s"), 0, true},
		{strict("0s"), time.Second, false},
		{strict("5m"), 300 * time.Second, true},
		{strict("5m"), 301 * time.Second, false},
		{strict("1h"), NeverConnected, false},
		{strict("1000years"), NeverConnected, false},
		{strict("1000years"), NeverConnected - 1, true},
		{strict("notaduration"), 0, true},
		{strict("notaduration"), time.Second, false},
	}
	for _, tt := range tests {
		require.Equal(t, tt.want, tt.s.Permits(tt.observed), "%+v after %v", tt.s, tt.observed)
	}
}
