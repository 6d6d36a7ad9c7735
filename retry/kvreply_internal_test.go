package retry

import (
	"errors"
	"net/textproto"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"
)

// message makes an answer from header lines.
func message(lines, data string) *nats.Msg {
	m := nats.NewMsg("_INBOX.x")
	m.Data = []byte(data)
	for line := range strings.SplitSeq(lines, "\n") {
		name, value, _ := strings.Cut(line, ":")
		m.Header[name] = append(m.Header[name], textproto.TrimString(value))
	}
	return m
}

const goodReply = "Nats-Stream: KV_settings\nNats-Subject: $KV.settings.a.b\nNats-Sequence: 7\nNats-Time-Stamp: 2026-11-22T10:11:12.123456789Z"

func TestReplyIsReadOrRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		lines string
		want  error
	}{
		"message":            {goodReply, nil},
		"no such message":    {"Status: 404\nDescription: Message Not Found", errNoMessage},
		"end of batch":       {"Status: 204\nDescription: EOB\nNats-Num-Pending: 0", errEndOfBatch},
		"unknown request":    {"Status: 408\nDescription: Empty Request", errUnsupported},
		"too many":           {"Status: 413\nDescription: Too Many Results", errTooMany},
		"another status":     {"Status: 500\nDescription: broken", errStatus},
		"nothing":            {"X: y", errReply},
		"no subject":         {"Nats-Sequence: 7\nNats-Time-Stamp: 2026-11-22T10:11:12Z", errReply},
		"sequence of zero":   {strings.Replace(goodReply, "7", "0", 1), errReply},
		"negative sequence":  {strings.Replace(goodReply, "Sequence: 7", "Sequence: -7", 1), errReply},
		"huge sequence":      {strings.Replace(goodReply, "Sequence: 7", "Sequence: 99999999999999999999", 1), errReply},
		"sequence of words":  {strings.Replace(goodReply, "Sequence: 7", "Sequence: seven", 1), errReply},
		"time of words":      {strings.Replace(goodReply, "2026-11-22T10:11:12.123456789Z", "today", 1), errReply},
		"no time":            {"Nats-Sequence: 7\nNats-Subject: $KV.settings.a", errReply},
		"status and message": {goodReply + "\nStatus: 404", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, err := readReply(message(c.lines, "value"))
			require.ErrorIs(t, err, c.want)
			if c.want == nil {
				require.Equal(t, uint64(7), m.entry.Revision)
				require.Equal(t, "value", string(m.entry.Value))
				require.True(t, m.entry.Created.Equal(time.Date(2026, 11, 22, 10, 11, 12, 123456789, time.UTC)))
			}
		})
	}
	_, err := readReply(nil)
	require.ErrorIs(t, err, errReply)
}

func TestReplyIsTakenOnlyForKeysThatWereAskedFor(t *testing.T) {
	t.Parallel()
	asked := []string{"a.*", "z"}
	for subject, want := range map[string]string{
		"$KV.settings.a.b": "a.b", "$KV.settings.z": "z", "$KV.settings.a.b.c": "", "$KV.settings.a": "", "$KV.settings.": "",
		"$KV.other.a.b": "", "$KV.settingsx.z": "", "z": "", "": "", "$KV.settings.a.": "", "$KV.settings.a.>": "",
	} {
		key, err := kvMessage{subject: subject}.keyOf("settings", asked)
		require.Equal(t, want, key, subject)
		require.Equal(t, want == "", errors.Is(err, errReply), subject)
	}
}

func TestViewHasALimit(t *testing.T) {
	t.Parallel()
	k := &kvRead{bucket: "settings", patterns: []string{">"}, entries: map[string]kvMessage{}}
	half := make([]byte, MaxViewBytes/2)
	require.NoError(t, k.add(kvMessage{subject: "$KV.settings.a", entry: Entry{Value: half, Revision: 1}}))
	require.NoError(t, k.add(kvMessage{subject: "$KV.settings.a", entry: Entry{Value: half, Revision: 2}}), "the same key counts once")
	require.ErrorIs(t, k.add(kvMessage{subject: "$KV.settings.b", entry: Entry{Value: half, Revision: 3}}), ErrViewTooLarge)
}

func TestMarkTellsWhetherTheSequencesStartedOver(t *testing.T) {
	t.Parallel()
	at := func(seq uint64, s int) KVMark {
		return KVMark{Sequence: seq, Time: time.Unix(int64(s), 0), Subject: "x"}
	}
	require.False(t, at(5, 1).isOfEarlierBucket(at(5, 1)), "nothing was written")
	require.False(t, at(5, 1).isOfEarlierBucket(at(6, 2)), "written to")
	require.False(t, at(5, 2).isOfEarlierBucket(at(4, 1)), "the newest message was removed")
	require.True(t, at(5, 1).isOfEarlierBucket(at(5, 2)), "the same sequence again")
	require.True(t, at(5, 1).isOfEarlierBucket(at(3, 2)), "a lower sequence later")
}

func FuzzReply(f *testing.F) {
	f.Add(goodReply, "value")
	f.Add("Status: 404", "")
	f.Add("Status: 204\nNats-Num-Pending: 18446744073709551615", "")
	f.Add(goodReply+"\nKV-Operation: DEL", "")
	f.Add(goodReply+"\nNats-Sequence: x", "")
	f.Fuzz(func(t *testing.T, lines, data string) {
		m := message(lines, data)
		if n, err := pending(m); err == nil && n < 0 {
			t.Fatal("negative", n)
		}
		got, err := readReply(m)
		if err != nil {
			if len(err.Error()) > 2000 {
				t.Fatalf("error of %d bytes", len(err.Error()))
			}
			return
		}
		if got.entry.Revision == 0 || got.subject == "" {
			t.Fatalf("half a message: %+v", got)
		}
		if key, err := got.keyOf("settings", []string{"a.*"}); err == nil && (strings.Count(key, ".") != 1 || !strings.HasPrefix(key, "a.")) {
			t.Fatalf("key %q was not asked for", key)
		}
	})
}

func FuzzPatterns(f *testing.F) {
	for _, seed := range [][2]string{{"a.*", "a.b"}, {">", "a"}, {"a.>", "a"}, {"*", "*"}, {"", ""}, {"a..b", "."}} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, pattern, key string) {
		if checkPattern(pattern) != nil {
			return
		}
		if checkPattern(key) != nil {
			patternMatches(pattern, key)
			return
		}
		if !patternMatches(pattern, pattern) {
			t.Fatalf("%q does not take in itself", pattern)
		}
		if patternMatches(pattern, key) && len(disjoint([]string{pattern, key})) != 1 {
			t.Fatalf("%q takes in %q, and both are left", pattern, key)
		}
		if strings.ContainsAny(pattern, " \t\r\n") {
			t.Fatalf("%q is no subject", pattern)
		}
	})
}
