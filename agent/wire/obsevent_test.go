package wire

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func obsWith(payload string) string {
	return `{"pc_id":"p","at":"2031-01-01T00:00:00Z","kind":"k","source":"s","event_record_id":null,"payload":` + payload + `}`
}

func TestObsEventPayloadForms(t *testing.T) {
	t.Parallel()
	tests := []struct{ in, want string }{
		{`null`, `null`},
		{`true`, `true`},
		{` "a\/\u00e9\u0001" `, `"a/é\u0001"`},
		{`[ ]`, `[]`},
		{`{ }`, `{}`},
		{`[[],{}, [1 , 2]]`, `[[],{},[1,2]]`},
		{`{"b":1,"a":2}`, `{"a":2,"b":1}`},
		{`{"b":{"d":1,"c":[{"z":1,"y":2}]},"a":2}`, `{"a":2,"b":{"c":[{"y":2,"z":1}],"d":1}}`},
		{`{"a":1,"B":2,"ä":3,"":4,"aa":5}`, `{"":4,"B":2,"a":1,"aa":5,"ä":3}`},
		{`{"\u0062":1,"a":2}`, `{"a":2,"b":1}`},
		{`0`, `0`},
		{`-7`, `-7`},
		{`-0`, `-0.0`},
		{`1e2`, `100.0`},
		{`1.0`, `1.0`},
		{`0.10`, `0.1`},
		{`99.50372314453125`, `99.50372314453125`},
		{`9223372036854775807`, `9223372036854775807`},
		{`-9223372036854775808`, `-9223372036854775808`},
		{`18446744073709551615`, `18446744073709551615`},
		{`18446744073709551616`, `1.8446744073709552e19`},
		{`-9223372036854775809`, `-9.223372036854776e18`},
		{`1E15`, `1000000000000000.0`},
		{`1e16`, `1e16`},
		{`1.5e+300`, `1.5e300`},
		{`0.00001`, `0.00001`},
		{`0.000001`, `1e-6`},
		{`-1.25e-7`, `-1.25e-7`},
		{`5e-324`, `5e-324`},
		{`1e-999`, `0.0`},
	}
	for _, tt := range tests {
		t.Run(tt.in, func(t *testing.T) {
			t.Parallel()
			read, err := DecodeObsEvent([]byte(obsWith(tt.in)))
			require.NoError(t, err)
			written, err := read.Encode()
			require.NoError(t, err)
			require.Equal(t, obsWith(tt.want), string(written))

			read.Payload = json.RawMessage(tt.in)
			written, err = read.Encode()
			require.NoError(t, err)
			require.Equal(t, obsWith(tt.want), string(written))
		})
	}
}

func TestObsEventAcceptsAbsent(t *testing.T) {
	t.Parallel()
	read, err := DecodeObsEvent([]byte(`{"source":"s","kind":"k","at":"2031-01-01 00:00:00+00:00","pc_id":"p","zz":0}`))
	require.NoError(t, err)
	written, err := read.Encode()
	require.NoError(t, err)
	require.Equal(t, obsWith("null"), string(written))
}

func TestObsEventRejects(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ doc, want string }{
		"pc_id missing":       {strings.Replace(obsWith("1"), `"pc_id":"p",`, "", 1), `field "pc_id" is missing`},
		"at missing":          {strings.Replace(obsWith("1"), `"at"`, `"zz"`, 1), `field "at" is missing`},
		"kind null":           {strings.Replace(obsWith("1"), `"k"`, "null", 1), `field "kind": expected a string, found null`},
		"source missing":      {strings.Replace(obsWith("1"), `"source"`, `"zz"`, 1), `field "source" is missing`},
		"record id as number": {strings.Replace(obsWith("1"), `_id":null`, `_id":5`, 1), `expected a string, found "5"`},
		"duplicate payload":   {obsWith(`1,"payload":2`), `field "payload": the key appears twice`},
		"duplicate inside":    {obsWith(`{"a":[{"b":1,"b":1}]}`), `field "payload.a.b": the key appears twice`},
		"too large a number":  {obsWith(`[1e999]`), `expected a number that fits 64 bits, found "1e999"`},
		"bad number":          {obsWith(`[1.]`), "expected a number"},
		"bad literal":         {obsWith(`[True]`), "expected a value"},
		"lone surrogate":      {obsWith(`"\udc00"`), "surrogate pair"},
		"too deep":            {obsWith(nested(maxDepth)), "nested deeper than 128 levels"},
		"a text line":         {"all is well", "expected an object, found 'a'"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := DecodeObsEvent([]byte(tt.doc))
			require.ErrorIs(t, err, ErrDecode)
			require.ErrorContains(t, err, tt.want)
			require.Empty(t, got)
		})
	}
}

func TestObsEventValidate(t *testing.T) {
	t.Parallel()
	for _, payload := range []string{`{"a":1,"a":2}`, `{`, `1 2`, "\xff", `"` + "\n" + `"`} {
		e := obsFiles["contract/obs_event.json"]
		e.Payload = json.RawMessage(payload)
		require.ErrorIs(t, e.Validate(), ErrInvalid, payload)
		_, err := e.Encode()
		require.ErrorContains(t, err, "payload")
	}
	err := ObsEvent{PCID: "*"}.Validate()
	require.ErrorContains(t, err, "pc_id")
	require.ErrorContains(t, err, "at")
}

// TestObsEventSortsAtEveryDepth would take minutes if sorting copied more than
// each level once.
func TestObsEventSortsAtEveryDepth(t *testing.T) {
	t.Parallel()
	filler := strings.Repeat("x", 1<<16)
	payload := `"` + filler + `"`
	want := payload
	for range maxDepth - 2 {
		payload = `{"b":` + payload + `,"a":1}`
		want = `{"a":1,"b":` + want + `}`
	}
	read, err := DecodeObsEvent([]byte(obsWith(payload)))
	require.NoError(t, err)
	require.True(t, bytes.Equal([]byte(want), read.Payload), "the payload differs; too long to print")
}
