package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func readAll(t *testing.T, text string) *reader {
	t.Helper()
	r := newReader()
	require.NoError(t, r.read(strings.NewReader(text)))
	return r
}

const someTests = `before all
=== RUN   TestGood
    a_test.go:1: fine
--- PASS: TestGood (0.10s)
=== RUN   TestParent
=== RUN   TestParent/one
=== PAUSE TestParent/one
=== RUN   TestParent/two
    a_test.go:2: two says
=== CONT  TestParent/one
    a_test.go:3: one says
--- FAIL: TestParent (0.25s)
    --- PASS: TestParent/one (0.00s)
    --- FAIL: TestParent/two (0.00s)
=== RUN   TestHostFact
    a_test.go:4: PowerShell 5.1
--- PASS: TestHostFact (1.50s)
=== RUN   TestAbsent
    a_test.go:5: this host has no pwsh
--- SKIP: TestAbsent (0.00s)
=== RUN   TestHangs
panic: test timed out
=== NAME  
after all
FAIL
`

func TestVerdicts(t *testing.T) {
	t.Parallel()
	for _, text := range []string{someTests, strings.ReplaceAll(someTests, "\n", "\r\n")} {
		r := readAll(t, text)
		got := r.reports()
		for i := range got {
			got[i].Output = strings.ReplaceAll(got[i].Output, "\r", "")
		}
		require.Equal(t, []testReport{
			{Name: "TestGood", Verdict: passed, Seconds: 0.1},
			{Name: "TestParent", Verdict: failed, Seconds: 0.25, Output: "    a_test.go:2: two says\n    a_test.go:3: one says\n" +
				"--- FAIL: TestParent (0.25s)\n    --- PASS: TestParent/one (0.00s)\n    --- FAIL: TestParent/two (0.00s)\n"},
			{Name: "TestHostFact", Verdict: passed, Seconds: 1.5, Output: "    a_test.go:4: PowerShell 5.1\n--- PASS: TestHostFact (1.50s)\n"},
			{Name: "TestAbsent", Verdict: skipped, Output: "    a_test.go:5: this host has no pwsh\n--- SKIP: TestAbsent (0.00s)\n"},
			{Name: "TestHangs", Verdict: unfinished, Output: "panic: test timed out\n"},
		}, got)
		require.Equal(t, "before all\nafter all\nFAIL\n", strings.ReplaceAll(r.loose.String(), "\r", ""))
	}
}

func TestVerdictsHaveBounds(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("=== RUN   TestLoud\n")
	for i := range 100_000 {
		_, _ = fmt.Fprintf(&b, "line %d\n", i)
	}
	b.WriteString(strings.Repeat("x", 5<<20) + "\xff\n--- FAIL: TestLoud (2.00s)\n")
	got := readAll(t, b.String()).reports()
	require.Len(t, got, 1)
	require.Equal(t, failed, got[0].Verdict)
	require.Less(t, len(got[0].Output), maxTestOutput+100)
	require.Regexp(t, `^\[\d+ bytes left out\]\nx`, got[0].Output)
	require.True(t, strings.HasSuffix(got[0].Output, "x\uFFFD\n--- FAIL: TestLoud (2.00s)\n"))
	require.Less(t, len(readAll(t, b.String()).tests["TestLoud"].output.kept), 2*maxTestOutput+1)
}

func TestReportHasABound(t *testing.T) {
	t.Parallel()
	r := report{Totals: map[verdict]int{}, room: 10}
	r.add(suiteReport{Tests: []testReport{{Verdict: failed, Output: "12345678"}, {Verdict: failed, Output: "1234"}}, Output: "12"})
	require.Equal(t, "12345678", r.Suites[0].Tests[0].Output)
	require.Equal(t, "[left out: the report is full]", r.Suites[0].Tests[1].Output)
	require.Equal(t, "12", r.Suites[0].Output)
	require.Equal(t, 2, r.Totals[failed])
}

func TestGood(t *testing.T) {
	t.Parallel()
	pass := map[verdict]int{passed: 3, skipped: 1}
	require.True(t, (&report{Totals: pass}).good())
	require.False(t, (&report{}).good(), "nothing passed")
	require.False(t, (&report{Totals: map[verdict]int{passed: 3, failed: 1}}).good())
	require.False(t, (&report{Totals: map[verdict]int{passed: 3, unfinished: 1}}).good())
	require.False(t, (&report{Totals: pass, Suites: []suiteReport{{ExitCode: 2}}}).good())
	require.False(t, (&report{Totals: pass, Suites: []suiteReport{{Error: "not found"}}}).good())
	require.False(t, (&report{Totals: pass, AsSystem: &report{}}).good())
}

func TestReadLeftOut(t *testing.T) {
	t.Parallel()
	got, err := readLeftOut(strings.NewReader("# a comment\n\nwine exec TestA  Wine lacks it\nsh agent TestB\ngo agent TestC\nalone exec TestD x\n"))
	require.NoError(t, err)
	require.Equal(t, map[string][]leftOut{"agent": {
		{Test: "TestB", Reason: "its scripts are for sh"},
		{Test: "TestC", Reason: "it asks the go command about the source"},
	}}, got)
	for _, bad := range []string{"sh agent", "sh agent Test.*", "sh agent TestA|TestB"} {
		_, err := readLeftOut(strings.NewReader(bad))
		require.ErrorContains(t, err, bad)
	}
}

func FuzzReader(f *testing.F) {
	f.Add(someTests)
	f.Add("=== RUN   \n--- PASS: /x (1s)\n=== NAME  /\n")
	f.Fuzz(func(t *testing.T, text string) {
		r := readAll(t, text)
		require.Len(t, r.reports(), len(r.tests))
	})
}
