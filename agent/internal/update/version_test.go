package update

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestVersionsHaveAnOrder(t *testing.T) {
	t.Parallel()
	ascending := []string{"0.9", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0-rc.1", "1.0.0", "v1.0.1", "1.2.0", "1.10.0", "2", "18446744073709551616.0", "18446744073709551617.0"}
	for i, a := range ascending {
		for j, b := range ascending {
			require.Equal(t, sign(i-j), sign(compareVersions(a, b)), "%s and %s", a, b)
		}
	}
	require.Zero(t, compareVersions("1.0", "1.0.0"))
	require.Zero(t, compareVersions("1.0.0+linux", "v1.0.0+windows"))
}

func sign(n int) int { return min(1, max(-1, n)) }

func FuzzCompareVersions(f *testing.F) {
	f.Add("1.0.0-rc.1", "1.0.0")
	f.Fuzz(func(t *testing.T, a, b string) {
		require.Equal(t, sign(compareVersions(a, b)), -sign(compareVersions(b, a)))
		require.Zero(t, compareVersions(a, a))
	})
}
