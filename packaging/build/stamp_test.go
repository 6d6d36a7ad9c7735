package main

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestVersions(t *testing.T) {
	for version, want := range map[string]string{
		"1.4.0": "1.4.0", "1.4.0-rc.1": "1.4.0~rc.1", "0.0.1-a-b": "0.0.1~a-b",
		"": "", "1.4": "", "v1.4.0": "", "1.4.0+build": "", "01.4.0": "", "1.4.0-": "", "1.4.0-../x": "", "1.4.0\n": "", "1.4.0 ": "",
	} {
		t.Run(version, func(t *testing.T) {
			t.Setenv("SOURCE_DATE_EPOCH", "1770000000")
			r := release{version: version}
			err := r.stamp(t.Context(), "abc")
			if want == "" {
				require.Error(t, err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, want, debianVersion(version))
			require.Equal(t, "abc", r.commit)
			require.Equal(t, time.Date(2026, 2, 2, 2, 40, 0, 0, time.UTC), r.date)
		})
	}
}

func TestDatesThatAreNone(t *testing.T) {
	for _, date := range []string{"now", "-1", "0", "315532799", "1e9", "99999999999999999999"} {
		t.Setenv("SOURCE_DATE_EPOCH", date)
		require.ErrorContains(t, new(release).readDate(t.Context()), "SOURCE_DATE_EPOCH", date)
	}
}

func TestFlags(t *testing.T) {
	t.Setenv("SOURCE_DATE_EPOCH", "1770000000")
	r, err := parse(t.Context(), []string{"--version", "1.4.0", "--commit", "abc", "--only", "linux-aarch64,windows-x86_64", "--key", "a", "--key", "b"})
	require.NoError(t, err)
	require.Equal(t, []platform{platforms[1], platforms[2]}, r.platforms)
	require.Equal(t, list{"a", "b"}, r.keys)
	for want, args := range map[string][]string{
		"none of the flags":          {"--version", "1.4.0", "dist"},
		"none of those that are":     {"--version", "1.4.0", "--only", "linux-amd64"},
		"not of the form":            {"--version", "latest"},
		"flag provided but not def":  {"--colour"},
		flag.ErrHelp.Error():         {"--help"},
		"flag needs an argument: -o": {"--out"},
	} {
		_, err := parse(t.Context(), args)
		require.ErrorContains(t, err, want)
	}
}

// A folder with other things in it is not replaced.
func TestOutIsReplacedIfABuildHasMadeIt(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	r := release{out: dir}
	require.NoError(t, r.mayReplaceOut(), "empty")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "thesis.txt"), nil, 0o600))
	require.ErrorContains(t, r.mayReplaceOut(), "another --out")
	require.NoError(t, os.WriteFile(filepath.Join(dir, sumsFile), nil, 0o600))
	require.NoError(t, r.mayReplaceOut())
	r.out = filepath.Join(dir, "new")
	require.NoError(t, r.mayReplaceOut())
}

func TestHalfACertificate(t *testing.T) {
	t.Parallel()
	require.NoError(t, authenticode{}.check())
	require.Error(t, authenticode{cert: "c"}.check())
	require.Error(t, authenticode{key: "k"}.check())
	require.NoError(t, authenticode{cert: "c", key: "k"}.check())
}

func TestTooLargeForWindowsInstaller(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"256.0.0", "1.256.0", "1.0.65536", "99999999999999999999.0.0"} {
		r := release{version: version}
		err := r.packInstaller(t.Context(), platforms[2], "x.msi")
		require.ErrorContains(t, err, "255.255.65535", strings.TrimSpace(version))
	}
}
