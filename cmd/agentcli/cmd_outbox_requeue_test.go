package agentcli

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOutboxRequeue(t *testing.T) {
	t.Parallel()
	b, dir := stateFolder(t)
	_, err := b.do(t, "outbox", "requeue", "req-3", "unknown")
	require.ErrorContains(t, err, "no record unknown")
	require.FileExists(t, filepath.Join(dir, "outbox", "stuck", "req-3.json"), "all or nothing")
	out, err := b.do(t, "outbox", "requeue", "req-3", "req-1")
	require.NoError(t, err)
	require.Equal(t, "results: req-3 requeued\nresults: req-1 is pending already\n"+
		"1 record requeued; a running agent finds them within a minute, a stopped one at its start\n", out)
	require.FileExists(t, filepath.Join(dir, "outbox", "req-3.json"))
	require.NoFileExists(t, filepath.Join(dir, "outbox", "stuck", "req-3.reason"))
	out, err = b.do(t, "outbox", "requeue", "--all", "--json")
	require.NoError(t, err)
	require.JSONEq(t, `{"requeued":[{"box":"results","name":`+jsonText(t, hostile)+`,"file":`+jsonText(t, "stuck/"+hostile+".json")+`}],"pending":[]}`, out)
	out, err = b.do(t, "outbox", "requeue", "--all")
	require.NoError(t, err)
	require.Equal(t, "nothing is stuck\n", out)
}

// A record whose place is taken does not keep the others.
func TestOutboxRequeueGoesOn(t *testing.T) {
	t.Parallel()
	b, dir := stateFolder(t)
	put(t, dir, "outbox/req-3.json", resultText("req-3", "again"))
	for i := range 2 * requeueBatch {
		put(t, dir, fmt.Sprintf("outbox/stuck/s-%d.json", i), resultText(fmt.Sprint("s-", i), ""))
	}
	out, err := b.do(t, "outbox", "requeue", "--all")
	require.ErrorIs(t, err, fs.ErrExist)
	require.ErrorContains(t, err, `"req-3"`)
	require.Contains(t, out, fmt.Sprint(2*requeueBatch+1, " records requeued"))
	left, err := filepath.Glob(filepath.Join(dir, "outbox", "stuck", "*.json"))
	require.NoError(t, err)
	require.Equal(t, []string{filepath.Join(dir, "outbox", "stuck", "req-3.json")}, left)
}
