package update_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent"
)

// testRefused: what must not run here is not even started as an agent.
func testRefused(t *testing.T, f *fleet) {
	foreign, _, err := agent.NewReleaseKey()
	require.NoError(t, err)
	pe := make([]byte, 8192)
	copy(pe, "MZ")
	pe[60] = 128
	copy(pe[128:], "PE\x00\x00\x64\x86")
	refused := map[string]struct {
		version string
		publish func(version string)
		reason  string
	}{
		"signed by a stranger": {"2.1.0", func(v string) {
			f.put(v, f.good["2.0.0"], f.manifest(v, f.good["2.0.0"], foreign))
		}, "no trusted key"},
		"signature broken": {"2.1.1", func(v string) {
			m := f.manifest(v, f.good["2.0.0"], f.key)
			at := strings.Index(m, `"signature": "`) + 20
			f.put(v, f.good["2.0.0"], m[:at]+flip(m[at])+m[at+1:])
		}, "signature is wrong"},
		"not signed":          {"2.1.2", func(v string) { f.put(v, f.good["2.0.0"], "") }, "manifest cannot be read"},
		"manifest of another": {"2.1.3", func(v string) { f.put(v, f.good["2.0.0"], f.manifest("2.0.0", f.good["2.0.0"], f.key)) }, "another release"},
		"truncated": {"2.1.4", func(v string) {
			half := f.good["2.0.0"][:len(f.good["2.0.0"])/2]
			f.put(v, half, f.manifest(v, f.good["2.0.0"], f.key))
		}, "another release"},
		"truncated and signed": {"2.1.5", func(v string) { f.publish(v, f.good["2.0.0"][:1<<20]) }, "try release"},
		"other bytes":          {"2.1.6", func(v string) { f.put(v, f.faulty(v, "crash"), f.manifest(v, f.faulty(v, "hang-"), f.key)) }, "another release"},
		"damaged in the store": {"2.1.7", func(v string) { f.publish(v, f.good["2.0.0"]); f.damage(v) }, "damaged"},
		"another platform":     {"2.1.8", func(v string) { f.publish(v, pe) }, "another platform"},
		"mislabelled":          {"2.1.9", func(v string) { f.publish(v, f.good["2.0.0"]) }, "calls itself something else"},
		"crashes at once":      {"2.2.0", func(v string) { f.publish(v, f.faulty(v, "crash-selftest")) }, "it failed"},
		"hangs":                {"2.2.1", func(v string) { f.publish(v, f.faulty(v, "hang-selftest")) }, "it was stopped"},
		"cannot connect":       {"2.2.2", func(v string) { f.publish(v, f.faulty(v, "deaf-selftest")) }, "connect to the broker"},
		"not there":            {"2.2.3", func(string) {}, "no release for this platform"},
		"hostile name":         {"../../etc/x", func(string) {}, "no version"},
	}
	h := f.host(t, "refused", "1.0.0")
	h.runs("1.0.0")
	for name, tc := range refused {
		t.Run(name, func(t *testing.T) {
			h.t = t
			tc.publish(tc.version)
			h.target(tc.version)
			h.send()
			require.Contains(t, h.observed("agent_update_refused")["reason"], tc.reason)
			h.runs("1.0.0")
			require.Equal(t, 1, h.startCount(), "it was not to be restarted")
		})
	}
	h.t = t
	h.target("2.0.0")
	h.observed("agent_updated")
	h.runs("2.0.0")
}

func flip(b byte) string {
	if b == 'A' {
		return "B"
	}
	return "A"
}
