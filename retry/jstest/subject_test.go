package jstest

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMatches(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		pattern, subject string
		want             bool
	}{
		{"a", "a", true},
		{"a", "b", false},
		{"a", "a.b", false},
		{"a.b", "a", false},
		{"*", "a", true},
		{"*", "a.b", false},
		{"a.*", "a.b", true},
		{"a.*", "a", false},
		{"*.*", "a.b", true},
		{">", "a", true},
		{">", "a.b.c", true},
		{"a.>", "a.b.c", true},
		{"a.>", "a", false},
		{"a.>", "b.c", false},
		{"a.*.c", "a.b.c", true},
		{"a.*.>", "a.b.c", true},
		{"a.*.>", "a.b", false},
	} {
		require.Equal(t, tt.want, matches(tt.pattern, tt.subject), "%s %s", tt.pattern, tt.subject)
	}
}

func TestOverlap(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		a, b string
		want bool
	}{
		{"a", "a", true},
		{"a", "b", false},
		{"a", "a.b", false},
		{"a.*", "*.b", true},
		{"a.*", "a.b.c", false},
		{"a.>", "a.b", true},
		{"a.>", "a", false},
		{"a.>", "a.*.c", true},
		{">", "a", true},
		{"a.>", "b.>", false},
	} {
		require.Equal(t, tt.want, overlap(tt.a, tt.b), "%s %s", tt.a, tt.b)
		require.Equal(t, tt.want, overlap(tt.b, tt.a), "%s %s", tt.b, tt.a)
	}
}
