package agentcli

import (
	"encoding/json"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOutboxFsck(t *testing.T) {
	t.Parallel()
	b, dir := stateFolder(t)
	put(t, dir, "outbox/torn.json", `{"request_id":`)
	out, err := b.do(t, "outbox", "fsck")
	require.Equal(t, ExitFindings, ExitCode(err))
	require.Empty(t, err.Error(), "the answer was printed; there is nothing to add")
	require.NotContains(t, out, "\x1b")
	require.Contains(t, out, "results ("+filepath.Join(dir, "outbox")+"): 5 records, 4 findings\n")
	require.Contains(t, out, "  torn: torn.json\n")
	require.Contains(t, out, "      repair: move it to stuck/")
	require.Contains(t, out, "  stuck: "+strconv.Quote("stuck/"+hostile+".json")+"\n")
	require.Contains(t, out, "events ("+filepath.Join(dir, "events-outbox")+"): 0 records, nothing found\n")
	require.Contains(t, out, "1 of 4 findings can be repaired: kanade-agent outbox fsck --repair, with the agent stopped\n")

	out, err = b.do(t, "outbox", "fsck", "--json", "--box", "results")
	require.Equal(t, ExitFindings, ExitCode(err))
	var answer fsckAnswer
	require.NoError(t, json.Unmarshal([]byte(out), &answer))
	require.Equal(t, []int{4, 1, 0}, []int{answer.Findings, answer.Repairable, answer.Repaired})
	require.Equal(t, 5, answer.Boxes[0].Records)
	last := answer.Boxes[0].Findings[2]
	require.Equal(t, "torn", last.Kind)
	require.Equal(t, "the file is kept as it is", last.Keeps)

	out, err = b.do(t, "outbox", "fsck", "--repair")
	require.Equal(t, ExitFindings, ExitCode(err), "what is stuck is still there")
	require.Contains(t, out, "      repaired: move it to stuck/")
	require.Contains(t, out, "1 finding repaired, 3 left\n")
	require.FileExists(t, filepath.Join(dir, "outbox", "stuck", "torn.json"))

	out, err = b.do(t, "outbox", "fsck", "--box", "events", "--repair")
	require.NoError(t, err)
	require.NotContains(t, out, "finding")
}
