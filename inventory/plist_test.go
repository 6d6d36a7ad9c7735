package inventory

import (
	"bytes"
	"encoding/binary"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func recordedMac(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile("testdata/mac/" + name)
	require.NoError(t, err)
	return data
}

func TestPropertyListsOfBothFormatsSayTheSame(t *testing.T) {
	for _, name := range []string{"Info.xml.plist", "Info.binary.plist"} {
		d, err := plistDict(recordedMac(t, name))
		require.NoError(t, err)
		require.Equal(t, "Éditeur 編", d.text("CFBundleDisplayName"))
		require.Equal(t, "2.1", d.text("CFBundleShortVersionString"))
		require.True(t, d.yes("LSRequiresNativeExecution"))
		require.Equal(t, int64(1<<40), d.number("Big"))
		require.Equal(t, int64(-7), d.number("Negative"))
		require.InDelta(t, 0.5, d["Ratio"], 0)
		require.Equal(t, time.Date(2024, 11, 13, 10, 11, 12, 0, time.UTC), *d.time("When"))
		require.Len(t, d["Data"], 20)
		require.Len(t, d.list("CFBundleDocumentTypes"), 20)
		require.Equal(t, dict{"CFBundleTypeExtensions": []any{"txt", "md"}, "n": int64(19)}, d.list("CFBundleDocumentTypes")[19])
		require.Empty(t, d.text("Big"), "of another type")
		require.Nil(t, d.time("nothing"))
	}
}

func TestDamagedPropertyLists(t *testing.T) {
	for name, data := range map[string]string{
		"nothing":       "",
		"an end":        "<plist></plist>",
		"no value":      "<plist><dict><key>a</key></dict></plist>",
		"cut off":       "<plist><dict><key>a</key><string>b",
		"unknown":       "<plist><uuid>a</uuid></plist>",
		"no number":     "<plist><integer>a</integer></plist>",
		"too deep":      "<plist>" + strings.Repeat("<array>", 100_000),
		"no dictionary": "<plist><array/></plist>",
		"entities":      `<!DOCTYPE a [<!ENTITY b "c">]><plist><string>&b;</string></plist>`,
		"only a head":   "bplist00",
	} {
		_, err := plistDict([]byte(data))
		require.ErrorIs(t, err, errPlist, name)
	}
	binary := recordedMac(t, "Info.binary.plist")
	for i := range binary {
		_, err := plistDict(binary[:i])
		require.Error(t, err, "cut to %d bytes", i)
	}
}

// bomb is a binary list whose arrays hold the next one twice each, and the last
// one itself.
func bomb(levels int) []byte {
	var b bytes.Buffer
	b.WriteString("bplist00")
	var offsets []byte
	for i := range levels {
		offsets = append(offsets, byte(b.Len()))
		next := byte(min(i+1, levels-1))
		b.Write([]byte{0xa2, next, next})
	}
	table := b.Len()
	b.Write(offsets)
	end := make([]byte, 32)
	end[6], end[7] = 1, 1
	binary.BigEndian.PutUint64(end[8:], uint64(levels))
	binary.BigEndian.PutUint64(end[24:], uint64(table))
	b.Write(end)
	return b.Bytes()
}

func TestAPropertyListThatGrowsWithoutEnd(t *testing.T) {
	for _, levels := range []int{1, 40, 60} {
		_, err := plist(bomb(levels))
		require.ErrorIs(t, err, errPlist)
	}
}

func FuzzPropertyList(f *testing.F) {
	f.Add(recordedMac(f, "Info.xml.plist"))
	f.Add(recordedMac(f, "Info.binary.plist"))
	f.Add(bomb(40))
	f.Fuzz(func(_ *testing.T, data []byte) {
		d, err := plistDict(data)
		if err == nil {
			application(d, "/Applications/A.app", "machine")
			receipt(d)
			launchJob(d, nil, d)
			recommended(d)
			macInterfaces(d)
		}
	})
}
