package offload

import (
	"fmt"
	"io/fs"
	"runtime"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/outbox"
	"github.com/kanade-go/kanade/retry"
	"github.com/kanade-go/kanade/retry/jstest"
)

const (
	outKey = "req/PC-1/stdout"
	errKey = "req/PC-1/stderr"
)

func TestLargeStreamsBecomeObjects(t *testing.T) {
	t.Parallel()
	euros := strings.Repeat("€", maxInline/3) // maxInline rounded down to 3 bytes
	for name, test := range map[string]struct {
		stdout, stderr   string
		objectO, objectE bool
	}{
		"at the limit":         {strings.Repeat("o", maxInline), strings.Repeat("e", maxInline), false, false},
		"one byte more":        {strings.Repeat("o", maxInline+1), "e", true, false},
		"only stderr":          {"o", strings.Repeat("e", maxInline+1), false, true},
		"both":                 {strings.Repeat("o\n", maxInline), strings.Repeat("e\x00é😀\"", maxInline), true, true},
		"bytes, not letters":   {euros + "x", euros + "xxx", false, true},
		"nothing":              {"", "", false, false},
		"escapes are too much": {strings.Repeat("\x01", 200_000), "e", true, false},
		"only the larger one":  {strings.Repeat("\x01", 100_000), strings.Repeat("\x02", 100_001), false, true},
		"both are too much":    {strings.Repeat("\x01", 180_000), strings.Repeat("\x02", 180_000), true, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onBoth(t, func(t *testing.T, js stores) {
				r := newRig(t, js)
				r.create(-1)
				want := result(test.stdout, test.stderr)
				got, err := r.load(want)
				require.NoError(t, err)
				if test.objectO {
					require.Equal(t, test.stdout, r.object(outKey))
					want.Stdout, want.StdoutObject = "", outKey
				}
				if test.objectE {
					require.Equal(t, test.stderr, r.object(errKey))
					want.Stderr, want.StderrObject = "", errKey
				}
				require.Equal(t, want, got)
				require.LessOrEqual(t, int64(len(got.Encode())), r.payload)
			})
		})
	}
}

func TestBytesThatAreNotUTF8AreRepairedOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t, jstest.NewFake().JetStream())
	r.create(-1)
	raw := strings.Repeat("a\xff\xc3é\x00", maxInline/4)
	got, err := r.load(result(raw, ""))
	require.NoError(t, err)
	require.Equal(t, string([]rune(raw)), r.object(got.StdoutObject))
}

// A file of another release, whose fields this one does not know.
func TestAForeignFileKeepsItsOtherFields(t *testing.T) {
	t.Parallel()
	r := newRig(t, jstest.NewFake().JetStream())
	r.create(-1)
	text := strings.Repeat("a line\n", 50_000)
	file := fmt.Sprintf("{\n  \"skipped\": false,\n  \"stderr\": %q,\n  \"finished_at\": \"2031-03-04T05:00:02Z\",\n"+
		"  \"stdout_object\": null,\n  \"std\\u006fut\": %q,\n  \"parent_result_id\": null,\n  \"pc_id\": \"PC-1\",\n"+
		"  \"started_at\": \"2031-03-04T05:00:01Z\",\n  \"exit_code\": 0,\n  \"request_id\": \"req\"\n}\n", text, text)
	rec, err := r.Load(t.Context(), "", strings.NewReader(file), nil)
	require.NoError(t, err)
	want := "{\n  \"skipped\": false,\n  \"stderr\": \"\",\n  \"finished_at\": \"2031-03-04T05:00:02Z\",\n" +
		"  \"stdout_object\":\"" + outKey + "\",\n  \"std\\u006fut\": \"\",\n  \"parent_result_id\": null,\n  \"pc_id\": \"PC-1\",\n" +
		"  \"started_at\": \"2031-03-04T05:00:01Z\",\n  \"exit_code\": 0,\n  \"request_id\": \"req\"\n,\"stderr_object\":\"" + errKey + "\"}\n"
	require.True(t, string(rec.Data) == want, "%s", rec.Data) //nolint:testifylint // byte for byte
	require.Equal(t, text, r.object(outKey))
	require.Equal(t, text, r.object(errKey))
}

func TestARepeatSendsNothingAgain(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, js stores) {
		r := newRig(t, js)
		r.create(-1)
		text := strings.Repeat("x", 3*chunkSize+1)
		first, err := r.load(result(text, text))
		require.NoError(t, err)
		before := r.state()
		require.EqualValues(t, 10, before.Msgs, "4 chunks and a description each")
		again, err := loaded(t, r.through(js), string(result(text, text).Encode())) // after a restart
		require.NoError(t, err)
		require.Equal(t, first, again)
		require.Equal(t, before.LastSeq, r.state().LastSeq)
	})
}

// The same name with other bytes: the new ones count, and the old ones go.
func TestAnOtherObjectIsReplaced(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, js stores) {
		r := newRig(t, js)
		r.create(-1)
		for _, text := range []string{"a", "b", "bb"} {
			text = strings.Repeat(text, 2*chunkSize+1)
			_, err := r.load(result(text, ""))
			require.NoError(t, err)
			require.Equal(t, text, r.object(outKey))
			require.EqualValues(t, (len(text)+chunkSize-1)/chunkSize+1, r.state().Msgs)
		}
	})
}

func TestTwoHostsWithOneRequest(t *testing.T) {
	t.Parallel()
	r := newRig(t, jstest.NewFake().JetStream())
	r.create(-1)
	var keys []string
	for _, pcID := range []string{"PC-1", "PC-2"} {
		res := result(strings.Repeat(pcID, maxInline), "")
		res.PCID = pcID
		got, err := r.load(res)
		require.NoError(t, err)
		keys = append(keys, got.StdoutObject)
	}
	require.Equal(t, []string{"req/PC-1/stdout", "req/PC-2/stdout"}, keys)
	for i, pcID := range []string{"PC-1", "PC-2"} {
		require.Equal(t, strings.Repeat(pcID, maxInline), r.object(keys[i]))
	}
}

func TestKeysOfNamesThatAreNotSafe(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, names := range [][2]string{
		{"a/b", "c"},
		{"a", "b/c"},
		{"a", "b"},
		{"", "b"},
		{"*", ">"},
		{strings.Repeat("x", 600), "b"},
		{keyPart("*"), keyPart(">")},
		{"\"\\", "b"},
	} {
		d := document{Result: wire.Result{RequestID: names[0], PCID: names[1]}}
		key := d.key(stdout)
		require.Equal(t, 2, strings.Count(key, "/"), key)
		require.LessOrEqual(t, len(key), 1100)
		require.False(t, seen[key], key)
		seen[key] = true
	}
}

func TestABrokerOfSmallMessages(t *testing.T) {
	t.Parallel()
	broker := jstest.StartBroker(t, jstest.WithMaxPayload(64<<10))
	js := broker.JetStream()
	r := newRig(t, js)
	r.create(-1)
	r.payload = retry.FromNATS(js.Conn()).(interface{ MaxPayload() int64 }).MaxPayload()
	require.EqualValues(t, 64<<10, r.payload)
	text := strings.Repeat("x", 200_000)
	got, err := r.load(result(text, "e"))
	require.NoError(t, err)
	require.Equal(t, text, r.object(got.StdoutObject))
	require.Equal(t, "e", got.Stderr)
}

func TestAPayloadThatIsNotKnownIsTheUsualOne(t *testing.T) {
	t.Parallel()
	r := newRig(t, jstest.NewFake().JetStream())
	r.create(-1)
	r.payload = 0
	text := strings.Repeat("\x01", 200_000)
	got, err := r.load(result(text, ""))
	require.NoError(t, err)
	require.Equal(t, text, r.object(got.StdoutObject))
}

func TestWhatNoUploadMakesSmallEnough(t *testing.T) {
	t.Parallel()
	r := newRig(t, jstest.NewFake().JetStream())
	r.create(-1)
	res := result(strings.Repeat("x", maxInline+1), "")
	res.ManifestID = strings.Repeat("m", 1<<20)
	_, err := r.load(res)
	require.ErrorIs(t, err, errTooLarge)
	require.True(t, retry.IsPermanent(err))
	require.Zero(t, r.state().Msgs, "its output was stored in vain")
	_, err = loaded(t, r.Offloader, `{"x":"`+strings.Repeat("y", maxRest)+`"}`)
	require.ErrorIs(t, err, errTooLarge)
	require.True(t, retry.IsPermanent(err))
}

func TestAFileThatIsNoResultIsRefusedForGood(t *testing.T) {
	t.Parallel()
	r := newRig(t, jstest.NewFake().JetStream())
	_, err := loaded(t, r.Offloader, with(`"\ud800"`, `""`))
	require.ErrorIs(t, err, wire.ErrDecode)
	require.ErrorIs(t, err, outbox.ErrUnreadable)
}

// Its output is on its way when that shows.
func TestAFileThatTurnsOutToBeNoResultLeavesNothing(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, js stores) {
		r := newRig(t, js)
		r.create(-1)
		text := strings.Repeat("x", 3*chunkSize)
		good := string(result(text, "").Encode())
		for name, file := range map[string]string{
			"no end":             good[:len(good)-1],
			"bad at the end":     good[:len(good)-1] + `,"stderr_object":7}`,
			"the output twice":   good[:len(good)-1] + `,"stdout":"` + text + `"}`,
			"another request ID": good[:len(good)-1] + `,"request_id":"other"}`,
			"bad in the output":  strings.Replace(good, text, text+`\ud800`, 1),
		} {
			_, err := loaded(t, r.Offloader, file)
			require.ErrorIs(t, err, wire.ErrDecode, name)
			require.ErrorIs(t, err, outbox.ErrUnreadable, name)
			require.Zero(t, r.state().Msgs, name)
		}
	})
}

// What stands in the store is not ours and must not say what is removed.
func TestAForeignDescriptionRemovesNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t, jstest.NewFake().JetStream())
	r.create(-1)
	other := result(strings.Repeat("x", maxInline+1), "")
	other.RequestID = "other"
	_, err := r.load(other)
	require.NoError(t, err)
	_, err = r.js.PublishMsg(t.Context(), &nats.Msg{Subject: r.meta(outKey), Data: []byte(`{"name":"` + outKey + `","nuid":">","size":1}`)})
	require.NoError(t, err)
	_, err = r.load(result(strings.Repeat("y", maxInline+1), ""))
	require.NoError(t, err)
	require.Equal(t, other.Stdout, r.object("other/PC-1/stdout"))
}

// What a load takes does not depend on the size of the file.
func TestALargeFileCostsLittleMemory(t *testing.T) {
	r := newRig(t, jstest.StartBroker(t).JetStream())
	r.create(-1)
	const size = 64 << 20
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	rec, err := r.Load(t.Context(), "", big(size), fs.FileInfo(nil))
	runtime.ReadMemStats(&after)
	require.NoError(t, err)
	require.Less(t, len(rec.Data), 1000)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(8<<20))
	store, err := r.js.ObjectStore(t.Context(), wire.StoreResultOutput)
	require.NoError(t, err)
	info, err := store.GetInfo(t.Context(), outKey)
	require.NoError(t, err)
	require.EqualValues(t, size/len(bigLine)*(len(bigLine)-1), info.Size)
}
