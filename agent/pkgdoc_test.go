package agent_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEveryPackageHasOneDocComment(t *testing.T) {
	documented := make(map[string][]string)
	require.NoError(t, filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name := entry.Name(); entry.IsDir() && (name == "testdata" || name == "examples" || len(name) > 2 && name[0] == '.') {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		dir := filepath.Dir(path)
		documented[dir] = append(documented[dir], docs(t, path)...)
		return nil
	}))
	require.NotEmpty(t, documented)
	for dir, files := range documented {
		require.Len(t, files, 1, "package %s needs its comment in exactly one file", dir)
		want := "doc.go"
		if _, err := os.Stat(filepath.Join(dir, "main.go")); err == nil {
			want = "main.go"
		}
		if strings.Contains(filepath.ToSlash(dir), "internal/delivery") {
			want = "delivery.go"
		}
		require.Equal(t, want, filepath.Base(files[0]), "package %s", dir)
	}
}

func docs(t *testing.T, path string) []string {
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments|parser.PackageClauseOnly)
	require.NoError(t, err)
	if file.Doc == nil {
		return nil
	}
	require.Regexp(t, `^(Package|Command) `, file.Doc.Text(), path)
	return []string{path}
}
