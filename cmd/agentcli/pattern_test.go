package agentcli

import (
	"go/ast"
	goparser "go/parser"
	gotoken "go/token"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// A pattern that nobody uses in a test would be found wrong on a host.
func TestEveryPatternCompiles(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	found := 0
	for _, file := range files {
		tree, err := goparser.ParseFile(gotoken.NewFileSet(), file, nil, 0)
		require.NoError(t, err)
		ast.Inspect(tree, func(n ast.Node) bool {
			call, is := n.(*ast.CallExpr)
			if !is {
				return true
			}
			name, is := call.Fun.(*ast.Ident)
			if !is || name.Name != "pattern" {
				return true
			}
			literal, is := call.Args[0].(*ast.BasicLit)
			if !is {
				return true // put together from constants; its test uses it
			}
			expr, err := strconv.Unquote(literal.Value)
			require.NoError(t, err)
			_, err = regexp.Compile(expr)
			require.NoError(t, err, file)
			found++
			return true
		})
	}
	require.GreaterOrEqual(t, found, 9)
}
