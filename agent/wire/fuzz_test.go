package wire

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// seedFiles adds every golden file, for whatever type, and a broken form of it.
func seedFiles(f *testing.F) {
	f.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", "*.json"))
	require.NoError(f, err)
	more, err := filepath.Glob(filepath.Join("testdata", "contract", "*.json"))
	require.NoError(f, err)
	require.NotEmpty(f, more)
	for _, file := range append(files, more...) {
		data, err := os.ReadFile(file)
		require.NoError(f, err)
		f.Add(data)
		f.Add(data[:len(data)/2])
	}
	f.Add([]byte(`{"job_id":"\ud83d\ude00","a":{"b":[1e2,-0,null,true]}}`))
}

func FuzzDecodeCommand(f *testing.F) {
	seedFiles(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := DecodeCommand(data)
		if err != nil {
			require.ErrorIs(t, err, ErrDecode)
			require.Equal(t, Command{ID: c.ID, RequestID: c.RequestID, ExecID: c.ExecID}, c)
			require.Less(t, len(err.Error()), 600)
			return
		}
		require.True(t, json.Valid(data), "accepted what is not JSON")
		requireSubject(t, ResultSubject(c.RequestID))
		requireSubject(t, KillSubject(c.ExecID))
		if c.Validate() != nil {
			return
		}
		require.Equal(t, "results."+c.RequestID, ResultSubject(c.RequestID))
		written, err := c.Encode()
		require.NoError(t, err)
		again, err := DecodeCommand(written)
		require.NoError(t, err)
		require.Equal(t, c, again)
	})
}

func FuzzDecodeResult(f *testing.F) {
	seedFiles(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := DecodeResult(data)
		if err != nil {
			require.ErrorIs(t, err, ErrDecode)
			return
		}
		require.True(t, json.Valid(data), "accepted what is not JSON")
		again, err := DecodeResult(v.Encode())
		require.NoError(t, err)
		require.Equal(t, v, again)
	})
}

func FuzzDecodeEventStarted(f *testing.F) {
	seedFiles(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := DecodeEventStarted(data)
		if err != nil {
			require.ErrorIs(t, err, ErrDecode)
			return
		}
		requireSubject(t, StartedSubject(e.ExecID, e.PCID))
		again, err := DecodeEventStarted(e.Encode())
		require.NoError(t, err)
		require.Equal(t, e, again)
	})
}

func FuzzDecodeObsEvent(f *testing.F) {
	seedFiles(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := DecodeObsEvent(data)
		if err != nil {
			require.ErrorIs(t, err, ErrDecode)
			return
		}
		require.True(t, e.Payload == nil || json.Valid(e.Payload), "%s", e.Payload)
		written, err := e.Encode()
		if err != nil {
			require.Error(t, ValidatePCID(e.PCID))
			return
		}
		again, err := DecodeObsEvent(written)
		require.NoError(t, err)
		require.Equal(t, e, again)
	})
}

func FuzzPayload(f *testing.F) {
	seedFiles(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		out, err := canonicalPayload(data)
		if err != nil {
			require.ErrorIs(t, err, ErrDecode)
			return
		}
		if len(data) > 0 {
			require.JSONEq(t, string(data), string(out))
		}
		again, err := canonicalPayload(out)
		require.NoError(t, err)
		require.Equal(t, string(out), string(again))
	})
}

func FuzzParseDuration(f *testing.F) {
	for _, s := range []string{"0", "2h 37min", "4.2s", "1.5 h", "3 0s", "-5s", "0.5ns", "1d 2", "1µs", "18446744073709551615s"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := ParseDuration(s)
		if err != nil {
			require.ErrorIs(t, err, ErrInvalid)
			return
		}
		require.GreaterOrEqual(t, d, time.Duration(0))
		again, err := ParseDuration(FormatDuration(d))
		require.NoError(t, err)
		require.Equal(t, d, again)
	})
}

func FuzzParseTimestamp(f *testing.F) {
	for _, s := range []string{
		"2031-03-04T05:06:07Z", "2031-03-04 05:06:07.25 +0900", "2016-12-31T23:59:60Z", "0000-01-01T00:00:00+00:01", "9999-12-31T23:59:59.999999999Z",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		stamp, err := ParseTimestamp(s)
		if err != nil {
			require.ErrorIs(t, err, ErrInvalid)
			return
		}
		again, err := ParseTimestamp(FormatTimestamp(stamp))
		require.NoError(t, err)
		require.Equal(t, stamp, again)
		standard, err := time.Parse(time.RFC3339, FormatTimestamp(stamp))
		require.NoError(t, err)
		require.True(t, standard.Equal(stamp))
	})
}

func FuzzSubjects(f *testing.F) {
	for _, s := range []string{"LAB-09", "probe.02", "a b", "*", ">", "a..b", "\xff", "größe", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		subjects := []string{CommandsPC(name), CommandsGroup(name), ResultSubject(name), KillSubject(name), ObsSubject(name), StartedSubject(name, name)}
		for _, subject := range subjects {
			requireSubject(t, subject)
			require.True(t, utf8.ValidString(subject))
		}
		if SubjectSafe(name) == nil {
			require.Equal(t, "results."+name, ResultSubject(name))
			require.True(t, AddressedTo(CommandsPC(name), name, nil))
			require.True(t, AddressedTo(CommandsGroup(name), "", []string{name}))
		}
		if ValidatePCID(name) == nil {
			require.NoError(t, SubjectSafe(name))
			require.LessOrEqual(t, len(ReplayConsumer(name)), 255)
		}
		for _, r := range ReplayConsumer(name) {
			require.Contains(t, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-", string(r))
		}
	})
}
