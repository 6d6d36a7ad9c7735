package exec

import (
	"bytes"
	osexec "os/exec"
	"testing"

	"github.com/stretchr/testify/require"
)

// One run beside os/exec alone, which has no timeout, no tree and no limit on its buffers.
func BenchmarkRun(b *testing.B) {
	path, err := NewLocal().Find(nativeShell)
	require.NoError(b, err)
	flag := map[Shell]string{Sh: "-c", Cmd: "/C"}[nativeShell]
	b.Run("os_exec", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var stdout, stderr bytes.Buffer
			cmd := osexec.CommandContext(b.Context(), path, flag, "echo hello")
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			require.NoError(b, cmd.Run())
		}
	})
	b.Run("local", func(b *testing.B) {
		b.ReportAllocs()
		local := NewLocal()
		for b.Loop() {
			out, err := local.Run(b.Context(), native("echo hello"))
			require.NoError(b, err)
			require.Zero(b, out.Code)
		}
	})
}
