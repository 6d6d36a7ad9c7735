package telemetry

import (
	"os"
	"testing"
	"time"

	"github.com/shirou/gopsutil/v4/process"
	"github.com/stretchr/testify/require"
)

func TestParseStat(t *testing.T) {
	t.Parallel()
	const rest = " S 1 7 7 0 -1 4194560 100 200 3 4 150 50 9 9 20 0 1 0 123456 9999 42 184467"
	for _, name := range []string{"bash", "a b", ") (x", "", "größe"} {
		d, err := parseStat(7, []byte("7 ("+name+")"+rest+" 1 2 3\n"))
		require.NoError(t, err)
		require.Equal(t, Detail{
			Process: Process{PID: 7, Started: 123456, CPU: 2 * time.Second}, Name: name, RSSBytes: 42 * uint64(os.Getpagesize()),
		}, d)
	}
	for _, line := range []string{"", "7", "7 (bash", "7 )(", "7 (bash)", "7 (bash) S 1 2 3"} {
		_, err := parseStat(7, []byte(line))
		require.ErrorIs(t, err, errStat, line)
	}
}

// Our reading of /proc against gopsutil's.
func TestStatIsWhatGopsutilReads(t *testing.T) {
	t.Parallel()
	pid := int32(os.Getppid())
	theirs := process.Process{Pid: pid}
	before, err := theirs.TimesWithContext(t.Context())
	require.NoError(t, err)
	d, err := readStat(pid)
	require.NoError(t, err)
	after, err := theirs.TimesWithContext(t.Context())
	require.NoError(t, err)
	require.GreaterOrEqual(t, d.CPU.Seconds()+0.001, before.User+before.System)
	require.LessOrEqual(t, d.CPU.Seconds(), after.User+after.System+0.001)
	name, err := theirs.NameWithContext(t.Context())
	require.NoError(t, err)
	require.Equal(t, name[:min(len(name), 15)], d.Name)
}

func FuzzParseStat(f *testing.F) {
	f.Add([]byte("7 (a) b) S 1 7 7 0 -1 4194560 100 200 3 4 150 50 9 9 20 0 1 0 123456 9999 42 184467"))
	f.Add([]byte("7 (x) S  1"))
	f.Fuzz(func(t *testing.T, line []byte) {
		if _, err := parseStat(7, line); err != nil {
			require.ErrorIs(t, err, errStat)
		}
	})
}

func TestVirtualDisks(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{
		"loop0": true, "ram15": true, "zram0": true, "sr0": true, "fd0": true, "sda": false, "nvme0n1": false, "vda": false, "md127": false, "rbd0": false,
	} {
		require.Equal(t, want, virtualDisk(name), name)
	}
}
