package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/cmd/agentcli"
)

// exitCodes says by which words the README tells of each constant.
var exitCodes = map[string]struct {
	code  int
	means string
}{
	"ExitOK":           {agentcli.ExitOK, "stopped cleanly"},
	"ExitError":        {agentcli.ExitError, "bad configuration"},
	"ExitUsage":        {agentcli.ExitUsage, "unknown verb or flag"},
	"ExitNotRunning":   {agentcli.ExitNotRunning, "no agent runs; the service is installed (3)"},
	"ExitNotInstalled": {agentcli.ExitNotInstalled, "it is not installed (4)"},
	"ExitFindings":     {agentcli.ExitFindings, "`outbox fsck`: something was found"},
	"ExitUnhealthy":    {agentcli.ExitUnhealthy, "not healthy"},
	"ExitNotPermitted": {agentcli.ExitNotPermitted, "only root or an administrator"},
	"ExitRestart":      {agentcli.ExitRestart, "the executable was replaced"},
	"ExitForced":       {agentcli.ExitForced, "a second signal"},
}

func TestTheReadmeHasTheExitCodes(t *testing.T) {
	t.Parallel()
	_, table, found := strings.Cut(readReadme(t).prose, "| Exit code | Meaning |\n|---|---|\n")
	require.True(t, found)
	table, _, _ = strings.Cut(table, "\n\n")
	told := map[int]string{}
	for _, row := range regexp.MustCompile(`(?m)^\| ([\d, ]+) \| (.+) \|$`).FindAllStringSubmatch(table+"\n", -1) {
		for number := range strings.SplitSeq(row[1], ", ") {
			code, err := strconv.Atoi(number)
			require.NoError(t, err)
			told[code] = row[2]
		}
	}
	require.Len(t, told, len(exitCodes))
	var names []string
	for name, exit := range exitCodes {
		names = append(names, name)
		require.Contains(t, told[exit.code], exit.means, "%s, %d", name, exit.code)
	}
	require.ElementsMatch(t, declaredExitCodes(t), names)
}

// declaredExitCodes are the names of all constants that there are.
func declaredExitCodes(t *testing.T) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join("..", "agentcli", "exitcode.go"), nil, parser.SkipObjectResolution)
	require.NoError(t, err)
	var names []string
	for _, d := range file.Decls {
		constants, ok := d.(*ast.GenDecl)
		if !ok || constants.Tok != token.CONST {
			continue
		}
		for _, spec := range constants.Specs {
			for _, name := range spec.(*ast.ValueSpec).Names {
				names = append(names, name.Name)
			}
		}
	}
	return names
}
