package update

import (
	"encoding/binary"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// section is what builds of releases put into an executable.
func section(text string) string {
	return sectionMark + string(binary.LittleEndian.AppendUint32(nil, uint32(len(text)))) + text
}

func TestTheStampOfARelease(t *testing.T) {
	t.Parallel()
	good := section(`{"product":"kanade-agent","version":"1.4.0","platform":"linux-x86_64"}`)
	for name, tc := range map[string]struct{ file, want string }{
		"a section":           {"\x7fELF" + good + "more", "1.4.0"},
		"after what is none":  {section(`{"version":"1"}`) + section("{") + sectionMark + good, "1.4.0"},
		"none":                {"\x7fELF", ""},
		"cut":                 {good[:len(good)-1], ""},
		"a mark alone":        {sectionMark + "\x01", ""},
		"a size out of sight": {sectionMark + "\xff\xff\xff\xff{}", ""},
	} {
		version, err := StampOf(strings.NewReader(tc.file))
		require.NoError(t, err, name)
		require.Equal(t, tc.want, version, name)
	}
}

func TestTheVersionAmongFlags(t *testing.T) {
	t.Parallel()
	for flags, want := range map[string]string{
		"-s -w -X main.version=1.5.0":                     "1.5.0",
		`-s -X "main.version=1.5.0" -X main.date=2026`:    "1.5.0",
		"-X main.version=1.5.0 -X 'main.version=1.6.0'":   "1.6.0",
		"-s -w -X example.org/other/main.version=1.5.0":   "",
		"-X=main.version=1.5.0 -X another.main.version=2": "1.5.0",
		"": "",
	} {
		require.Equal(t, want, linkedVersion(flags), flags)
	}
}

func FuzzStamp(f *testing.F) {
	f.Add([]byte(section(`{"product":"a","version":"1","platform":"b"}`)))
	f.Add([]byte(buildBegin + "path\t" + ProgramPath + "\nbuild\t-ldflags=\"-X main.version=1\"\n" + buildEnd))
	f.Fuzz(func(t *testing.T, data []byte) {
		_, err := StampOf(strings.NewReader(string(data)))
		require.NoError(t, err)
	})
}
