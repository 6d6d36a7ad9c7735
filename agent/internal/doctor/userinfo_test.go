package doctor

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRules(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		rule    *rule
		pattern string
		want    bool
	}{
		"none":                     {nil, "a.b", true},
		"empty":                    {&rule{}, "a.b", true},
		"literal":                  {&rule{Allow: []string{"x", "a.b"}}, "a.b", true},
		"another":                  {&rule{Allow: []string{"a.c"}}, "a.b", false},
		"star":                     {&rule{Allow: []string{"a.*"}}, "a.b", true},
		"star is one token":        {&rule{Allow: []string{"a.*"}}, "a.b.c", false},
		"rest":                     {&rule{Allow: []string{"a.>"}}, "a.b.c", true},
		"rest is one token":        {&rule{Allow: []string{"a.b.>"}}, "a.b", false},
		"all":                      {&rule{Allow: []string{">"}}, "a.*", true},
		"star for star":            {&rule{Allow: []string{"a.*"}}, "a.*", true},
		"literal for star":         {&rule{Allow: []string{"a.b"}}, "a.*", false},
		"star for rest":            {&rule{Allow: []string{"a.*"}}, "a.>", false},
		"rest for rest":            {&rule{Allow: []string{"a.>"}}, "a.b.>", true},
		"denied":                   {&rule{Deny: []string{"a.b"}}, "a.b", false},
		"denied part of a pattern": {&rule{Deny: []string{"a.b"}}, "a.*", false},
		"another denied":           {&rule{Deny: []string{"a.c"}}, "a.b", true},
		"denied among the allowed": {&rule{Allow: []string{"a.>"}, Deny: []string{"a.*.c"}}, "a.b.c", false},
		"longer denied":            {&rule{Deny: []string{"a.b.c"}}, "a.b", true},
		"with a queue":             {&rule{Allow: []string{"a.b workers"}}, "a.b", true},
	} {
		require.Equal(t, tc.want, tc.rule.allows(tc.pattern), name)
	}
}
