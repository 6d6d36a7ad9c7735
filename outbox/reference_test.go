package outbox

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// The payload of a result as an agent of the reference release leaves it in its
// outbox folder.
const referenceResult = `{"result_id":"0b5e4d57-2f0a-4f4e-9a8b-7c8f3b1d2e90","request_id":"REQ-1","pc_id":"LAB-09","exit_code":0,` +
	`"stdout":"<ok>\n","stderr":"","started_at":"2031-03-04T05:00:01.250Z","finished_at":"2031-03-04T05:00:09.750500Z","manifest_id":"disk-report"}`

func resultIDs(data []byte) (request, result string, err error) {
	var ids struct {
		RequestID string `json:"request_id"`
		ResultID  string `json:"result_id"`
	}
	if err := json.Unmarshal(data, &ids); err != nil {
		return "", "", err
	}
	if ids.RequestID == "" {
		return "", "", errors.New("no request_id")
	}
	return ids.RequestID, ids.ResultID, nil
}

func TestReferenceFilesAreDelivered(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeFile(t, dir, "REQ-1.json", referenceResult)
	writeFile(t, dir, "req-2.json.tmp", `{"request_id":"req-2"`)
	box := openBox(t, dir, WithCodec(resultCodec{}))
	require.Equal(t, 1, box.Stats().Pending)
	var s stream
	sent, err := box.Flush(t.Context(), &s)
	require.NoError(t, err)
	require.Equal(t, 1, sent)
	require.Equal(t, []string{referenceResult}, s.data(), "the payload is the file, byte for byte")
	require.True(t, s.seen["0b5e4d57-2f0a-4f4e-9a8b-7c8f3b1d2e90"])
	require.Empty(t, files(t, dir))
	require.NoFileExists(t, filepath.Join(dir, "req-2.json.tmp"))
}

func TestPutWritesTheContractsFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	box := openBox(t, dir, WithCodec(resultCodec{}))
	const name = "6d0c1f0e-7b0e-4d54-9f0e-0f3f2f6a1a11"
	data := []byte(`{"request_id":"` + name + `"}`)
	require.NoError(t, box.Put(t.Context(), Record{Name: name, Data: data}))
	got, err := os.ReadFile(filepath.Join(dir, name+".json"))
	require.NoError(t, err)
	require.Equal(t, data, got)
}

func TestPutKeepsTheReferencesRecordOfThatName(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeFile(t, dir, "REQ-1.json", referenceResult)
	box := openBox(t, dir, WithCodec(resultCodec{}))
	require.NoError(t, box.Put(t.Context(), Record{Name: "REQ-1", Data: []byte(`{"request_id":"REQ-1","result_id":"other"}`)}))
	require.Equal(t, []string{"REQ-1.json"}, files(t, dir))
	require.EqualValues(t, 1, box.Stats().Kept)
}

// Where case does not count, req-1.json would be REQ-1.json.
func TestPutKeepsOutOfTheWayOfUpperCase(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeFile(t, dir, "REQ-1.json", referenceResult)
	box := openBox(t, dir, WithCodec(resultCodec{}))
	lower := Record{Name: "req-1", Data: []byte(`{"request_id":"req-1"}`)}
	require.NoError(t, box.Put(t.Context(), lower))
	require.Equal(t, []string{"REQ-1.json", hashedFile("req-1")}, files(t, dir))
	require.NoError(t, os.Remove(filepath.Join(dir, "REQ-1.json")))
	require.NoError(t, box.Put(t.Context(), lower), "still pending under its hash")
	require.Equal(t, []string{hashedFile("req-1")}, files(t, dir))
}

// The reference release does not sync: a power cut can leave an empty file.
func TestPutIsNotFooledByAnEmptyFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeFile(t, dir, "req-1.json", "")
	box := openBox(t, dir, WithCodec(resultCodec{}))
	data := `{"request_id":"req-1"}`
	require.NoError(t, box.Put(t.Context(), Record{Name: "req-1", Data: []byte(data)}))
	var s stream
	sent, err := box.Flush(t.Context(), &s)
	require.Error(t, err, "the empty file is reported")
	require.Equal(t, 1, sent)
	require.Equal(t, []string{data}, s.data())
	require.Empty(t, files(t, dir))
	require.Equal(t, []string{"req-1.json"}, stuckFiles(t, dir), "what cannot be read is kept")
}
