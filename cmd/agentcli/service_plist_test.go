//go:build unix

package agentcli

import (
	"encoding/xml"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// plistNode is any element of a property list.
type plistNode struct {
	XMLName xml.Name
	Text    string      `xml:",chardata"`
	Nodes   []plistNode `xml:",any"`
}

// readPlist is a reader of its own: what launchd would have.
func readPlist(t require.TestingT, text string) map[string]any {
	var root plistNode
	decoder := xml.NewDecoder(strings.NewReader(text))
	require.NoError(t, decoder.Decode(&root))
	require.Equal(t, "plist", root.XMLName.Local)
	require.Len(t, root.Nodes, 1)
	return plistValue(t, root.Nodes[0]).(map[string]any)
}

func plistValue(t require.TestingT, n plistNode) any {
	switch n.XMLName.Local {
	case "dict":
		require.Zero(t, len(n.Nodes)%2)
		values := map[string]any{}
		for i := 0; i < len(n.Nodes); i += 2 {
			require.Equal(t, "key", n.Nodes[i].XMLName.Local)
			require.NotContains(t, values, n.Nodes[i].Text)
			values[n.Nodes[i].Text] = plistValue(t, n.Nodes[i+1])
		}
		return values
	case "array":
		list := []any{}
		for _, entry := range n.Nodes {
			list = append(list, plistValue(t, entry))
		}
		return list
	case "true":
		return true
	case "integer":
		number, err := strconv.Atoi(n.Text)
		require.NoError(t, err)
		return number
	case "string":
		return n.Text
	}
	require.Fail(t, "an element that no property list has", n.XMLName.Local)
	return nil
}

func TestPlist(t *testing.T) {
	t.Parallel()
	d := defined("/Library/A & B/<agent>.toml")
	job := readPlist(t, plistOf(d))
	require.Equal(t, "kanade-agent", job["Label"])
	require.Equal(t, []any{d.Program, "run", "--config", d.Config}, job["ProgramArguments"])
	require.Equal(t, true, job["RunAtLoad"])
	require.Equal(t, true, job["KeepAlive"], "whatever it ends with")
	require.Equal(t, 30, job["ExitTimeOut"])
	require.Equal(t, "/var/log/kanade/kanade-agent.err.log", job["StandardErrorPath"])
	d.LogFile = ""
	require.NotContains(t, readPlist(t, plistOf(d)), "StandardErrorPath")
}

// documented are the keys that the job has, with their types in launchd.plist(5). One
// of another type, or that it does not know, is left out by launchd without a word.
var documented = map[string]any{
	"Label": "", "ProgramArguments": []any{}, "StandardErrorPath": "",
	"RunAtLoad": true, "KeepAlive": true, // a dictionary in its place would name conditions
	"ThrottleInterval": 0, // s between two starts; launchd's own is 10
	"ExitTimeOut":      0, // s between SIGTERM and SIGKILL; launchd's own is 20, 0 is for ever
}

func TestLaunchdKnowsWhatThePlistSays(t *testing.T) {
	t.Parallel()
	text := plistOf(defined("/etc/kanade/agent.toml"))
	require.True(t, strings.HasPrefix(text, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" "))
	job := readPlist(t, text)
	for key, value := range job {
		require.Contains(t, documented, key)
		require.Equal(t, fmt.Sprintf("%T", documented[key]), fmt.Sprintf("%T", value), key)
	}
	require.Len(t, job, len(documented))
	patience := time.Duration(job["ExitTimeOut"].(int)) * time.Second
	require.Greater(t, patience, stopBudget, "it is killed before it has stored its results")
	require.Equal(t, 10, job["ThrottleInterval"], "shorter ones are for launchd to ignore")
	for _, arg := range job["ProgramArguments"].([]any) {
		require.IsType(t, "", arg)
	}
}

func TestCommandLinesOfPlists(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		d := defined(rapid.StringMatching(`/[ -~äあ]{0,30}`).Draw(t, "config"))
		line, err := commandOfPlist(plistOf(d))
		require.NoError(t, err)
		require.Equal(t, append([]string{d.Program}, d.Arguments...), line)
		require.Equal(t, d.Config, readPlist(t, plistOf(d))["ProgramArguments"].([]any)[3])
	})
	_, err := commandOfPlist("<plist><dict>")
	require.Error(t, err)
}

func FuzzCommandOfPlist(f *testing.F) {
	f.Add(plistOf(defined("/c")))
	f.Add("<array><string>")
	f.Fuzz(func(_ *testing.T, text string) {
		_, _ = commandOfPlist(text)
		_ = configOf(commandOfUnit(text))
	})
}
