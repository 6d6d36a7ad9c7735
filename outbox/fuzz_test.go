package outbox

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/outbox/atomicfile"
	"github.com/kanade-go/kanade/outbox/atomicfile/faultfs"
)

// hostileContents are files that are no record, or hardly one.
var hostileContents = []string{
	"", "\x00", "{", "null", "[]", "0", `""`, `{}`, `{"subject":""}`, `{"subject":"a b"}`, `{"subject":"*"}`, `{"subject":">"}`,
	`{"subject":"a\r\nPUB b 0"}`, `{"subject":"a","header":{"a\r\nb":["c"]}}`, `{"subject":"a","header":{"":[""]}}`,
	`{"subject":"a","data":"!"}`, `{"subject":"a"}{"subject":"b"}`, `{"subject":"a"} `, `{"subject":"a","name":"../../etc/passwd"}`,
	`{"subject":"a","queued":"0000-01-01T00:00:00Z"}`, `{"SUBJECT":"a"}`, `{"subject":"a","header":null,"data":null}`,
	strings.Repeat("[", 20_000), `{"subject":"` + strings.Repeat("a", 70_000) + `"}`,
}

// FuzzEnvelope: what Decode takes, Encode writes again, unless it could not be
// published.
func FuzzEnvelope(f *testing.F) {
	for _, content := range hostileContents {
		f.Add([]byte(content))
	}
	full := Record{
		Name: "n", MsgID: "m", Subject: "a.b", Header: nats.Header{"K": {"v", "w"}},
		Data: []byte{0, 255}, Queued: time.Date(2031, 3, 4, 5, 6, 7, 8, time.UTC),
	}
	var b bytes.Buffer
	require.NoError(f, JSONEnvelope{}.Encode(&b, full))
	f.Add(b.Bytes())
	f.Fuzz(func(t *testing.T, content []byte) {
		r, err := JSONEnvelope{}.Decode("name", bytes.NewReader(content))
		if err != nil {
			require.Equal(t, Record{}, r)
			return
		}
		require.NotEmpty(t, r.Subject)
		var out bytes.Buffer
		if err := (JSONEnvelope{}).Encode(&out, r); err != nil {
			require.True(t, checkMessage(r) != nil || !jsonTime(r.Queued), "%v", err)
			return
		}
		again, err := JSONEnvelope{}.Decode("name", &out)
		require.NoError(t, err)
		require.True(t, r.Queued.Equal(again.Queued))
		r.Queued, again.Queued = time.Time{}, time.Time{}
		require.Equal(t, normal(r), normal(again))
	})
}

// normal: an empty list is left out of a file.
func normal(r Record) Record {
	if len(r.Header) == 0 {
		r.Header = nil
	}
	if len(r.Data) == 0 {
		r.Data = nil
	}
	return r
}

func jsonTime(at time.Time) bool {
	_, err := at.MarshalJSON()
	return err == nil
}

// FuzzFolder: whatever file is found in the folder, the box opens, takes a record
// of the same name and delivers it; and what it found it delivers, or keeps in
// quarantine as it is.
func FuzzFolder(f *testing.F) {
	for _, content := range hostileContents {
		f.Add("a.json", []byte(content))
	}
	envelope := []byte(`{"subject":"test.records","name":"a","msg_id":"found","data":"AAAA"}`)
	for _, name := range append(hostileNames, hashedFile("a"), ".json", "..json", "a.json.json", "a.reason", "a.json.tmp") {
		f.Add(name, envelope)
		f.Add(name+fileSuffix, envelope)
	}
	f.Fuzz(func(t *testing.T, file string, content []byte) {
		if file == "" || strings.ContainsAny(file, "/\\\x00") || file == "." || file == ".." || !utf8.ValidString(file) || file == lockName || file == stuckFolder {
			t.Skip("no such name can be in a folder")
		}
		disk := faultfs.New(0)
		require.NoError(t, atomicfile.MkdirAll(disk, crashBox, 0o700))
		require.NoError(t, atomicfile.WriteFile(disk, path.Join(crashBox, file), content, 0o600))
		box, err := Open(crashBox, WithFS(disk))
		require.NoError(t, err)
		defer box.Close()
		isRecord := strings.HasSuffix(file, fileSuffix)
		require.Equal(t, isRecord, box.Stats().Pending == 1)

		name := strings.TrimSuffix(file, fileSuffix)
		if len(name) > maxName {
			name = name[:maxName/4]
			name = strings.ToValidUTF8(name, "")
		}
		require.NoError(t, box.Put(context.Background(), Record{Name: name, MsgID: "put", Subject: "test.records"}))
		var s stream
		_, flushErr := box.Flush(context.Background(), &s)
		require.Zero(t, box.Stats().Pending)
		kept := box.Stats().Kept == 1
		require.Equal(t, !kept, s.seen["put"], "delivered, or kept out by what was found")
		if !isRecord {
			require.NoError(t, flushErr)
			return
		}
		if box.Stats().Stuck == 0 {
			require.NoError(t, flushErr)
			return
		}
		require.Error(t, flushErr)
		require.False(t, kept, "what is no record keeps nobody out")
		stuck, err := disk.OpenFile(path.Join(crashStuck, file), os.O_RDONLY, 0)
		require.NoError(t, err)
		defer stuck.Close()
		info, err := stuck.Stat()
		require.NoError(t, err)
		require.EqualValues(t, len(content), info.Size())
	})
}

// FuzzReason: a reason file that others have written is never worse than none.
func FuzzReason(f *testing.F) {
	good, err := json.Marshal(Reason{When: time.Unix(1, 0).UTC(), Kind: ReasonRefused, Why: "x", Attempts: 3})
	require.NoError(f, err)
	for _, content := range append(hostileContents, string(good), `{"attempts":-9223372036854775808}`, `{"attempts":1e99}`) {
		f.Add([]byte(content))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		disk := faultfs.New(0)
		require.NoError(t, atomicfile.MkdirAll(disk, crashStuck, 0o700))
		require.NoError(t, atomicfile.WriteFile(disk, crashStuck+"/a.json", []byte("{"), 0o600))
		require.NoError(t, atomicfile.WriteFile(disk, crashStuck+"/a.reason", content, 0o600))
		box, err := Open(crashBox, WithFS(disk))
		require.NoError(t, err)
		defer box.Close()
		_, err = box.Flush(context.Background(), &stream{})
		require.Error(t, err)
		why, err := readReason(disk, crashStuck+"/a.reason")
		require.NoError(t, err, "it is written anew")
		require.Equal(t, ReasonUnreadable, why.Kind)
	})
}
