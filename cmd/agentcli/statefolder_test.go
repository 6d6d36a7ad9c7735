package agentcli

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestStateFolderIsFoundAsRunFindsIt(t *testing.T) {
	t.Parallel()
	file := writeFile(t, "agent.toml", strings.Replace(minimalFile, "[agent]\n", "[agent]\ndata_dir = '/from/file'\ntoken_file = '/not/readable'\n", 1))
	plain := writeFile(t, "agent.toml", minimalFile)
	for name, tc := range map[string]struct {
		env   map[string]string
		flags flagValues
		want  string
		from  string
	}{
		"flag":                  {map[string]string{"KANADE_AGENT_DATA_DIR": "/from/env"}, flagged("data-dir", "/from/flag", "config", file), "/from/flag", "from --data-dir"},
		"variable":              {map[string]string{"KANADE_AGENT_DATA_DIR": "/from/env"}, flagged("config", file), "/from/env", "from KANADE_AGENT_DATA_DIR"},
		"file":                  {nil, flagged("config", file), "/from/file", "from " + file},
		"variable for the file": {map[string]string{configEnv: file}, flagged(), "/from/file", "from " + file},
		"file without":          {nil, flagged("config", plain), "", "the default; " + plain + " names none"},
		"nothing":               {nil, flagged(), "", "the default"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, tc.env)
			if tc.want == "" {
				tc.want = slashed(b.around.dirs.data)
			}
			dir, from, err := b.stateDir(tc.flags)
			require.NoError(t, err)
			require.Equal(t, tc.want, slashed(dir))
			require.Equal(t, tc.from, from)
		})
	}
}
