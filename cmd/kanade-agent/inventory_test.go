package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/inventory/facts"
)

// The program looks at this host in a child, and finds it.
func TestInventoryOfThisHost(t *testing.T) {
	t.Parallel()
	stdout, stderr, _ := run(t, "inventory", "--json")
	var host facts.Host
	require.NoError(t, json.Unmarshal([]byte(stdout), &host), stderr)
	require.NotEmpty(t, host.Hostname)
	require.NotNil(t, host.OS, stderr)
	require.NotEmpty(t, host.OS.Name)
	require.NotNil(t, host.Hardware, stderr)
	require.Positive(t, host.Hardware.RAMBytes)

	stdout, stderr, code := run(t, "inventory", "--section", "os")
	require.Zero(t, code, stderr)
	require.Contains(t, stdout, "\nSYSTEM (os)\n")
	require.NotContains(t, stdout, "SOFTWARE")

	_, stderr, code = run(t, "inventory", "--section", "nonsense")
	require.Equal(t, 2, code)
	require.Contains(t, stderr, "there is no section")
}

// The child's output is one line a section.
func TestTheChildOfTheCollector(t *testing.T) {
	t.Parallel()
	stdout, stderr, code := run(t, "collect-inventory")
	require.Zero(t, code, stderr)
	require.GreaterOrEqual(t, strings.Count(stdout, "\n"), 5)
	for line := range strings.Lines(stdout) {
		require.True(t, json.Valid([]byte(line)), line)
	}
}
