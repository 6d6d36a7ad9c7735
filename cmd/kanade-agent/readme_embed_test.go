package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/kanade-go/kanade"

// frames are what stands around the Go of the README, block by block. Nothing is
// imported that the reader is not told to get.
var frames = []struct{ before, after string }{
	{
		before: `package reader

import (
	"context"

	"` + module + `/agent"
)

func embed(ctx context.Context, handler agent.Handler) error {
`,
		after: "}\n",
	},
	{
		before: `package reader

import (
	"context"
	"log"
	"os"

	"` + module + `/agent"
	"` + module + `/inventory"
)

func collect(ctx context.Context, cfg agent.Config) {
`,
		after: "_, _ = a, err\n}\n",
	},
}

// A module of its own gets the packages as the README says, and its Go compiles.
func TestTheGoOfTheReadmeCompiles(t *testing.T) {
	t.Parallel()
	root, err := filepath.Abs(repository)
	require.NoError(t, err)
	dir := t.TempDir()
	write := func(name, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	write("go.mod", "module example.test/reader\n\ngo 1.26.0\n\nreplace "+module+" => "+strconv.Quote(root)+"\n")
	blocks := readReadme(t).fences["go"]
	require.Len(t, blocks, len(frames))
	for i, block := range blocks {
		write(fmt.Sprintf("block%d.go", i), frames[i].before+block+frames[i].after)
	}
	inModule(t, dir, "go", "get", module+"/agent")
	inModule(t, dir, "go", "get", module+"/inventory") // "likewise each other package"
	inModule(t, dir, "go", "build", "./...")
}

// inModule needs no network: the test has been built from the same modules.
func inModule(t *testing.T, dir, name string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PWD="+dir, "GOWORK=off", "GOFLAGS=", "GOPROXY=off", "GOSUMDB=off")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%v: %s", args, out)
}
