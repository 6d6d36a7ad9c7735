package update

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"runtime/debug"
	"strings"
)

// ProgramPath is the package of the program whose stamps are known.
const ProgramPath = "github.com/kanade-go/kanade/cmd/kanade-agent"

// StampOf is the version that an executable was built as, without starting it; empty:
// it does not say. Builds of releases say it in a section (.kanade), and plain builds
// of this program in what Go keeps of their flags, unless they trim paths.
func StampOf(r io.Reader) (version string, err error) {
	file, err := io.ReadAll(io.LimitReader(r, MaxRelease))
	if err != nil {
		return "", fmt.Errorf("update: read executable: %w", err)
	}
	if version = sectionVersion(file); version == "" {
		version = flagVersion(file)
	}
	return version, nil
}

// sectionMark begins the section. It is in two parts, or this program would have it
// twice.
var sectionMark = strings.Join([]string{"KNAG", "META\x01\x00\x00\x00"}, "")

// sectionVersion looks for the section's content, wherever the file has it.
func sectionVersion(file []byte) string {
	for {
		_, after, found := bytes.Cut(file, []byte(sectionMark))
		if !found {
			return ""
		}
		if version := metadataVersion(after); version != "" {
			return version
		}
		file = after
	}
}

func metadataVersion(text []byte) string {
	if len(text) < 4 {
		return ""
	}
	size, text := binary.LittleEndian.Uint32(text), text[4:]
	if size > MaxManifest || int(size) > len(text) {
		return ""
	}
	var said struct{ Product, Version, Platform string }
	if json.Unmarshal(text[:size], &said) != nil || said.Product == "" || said.Platform == "" {
		return ""
	}
	return said.Version
}

// What Go writes around the description of a build.
const (
	buildBegin = "\x30\x77\xaf\x0c\x92\x74\x08\x02\x41\xe1\xc1\x07\xe6\xd6\x18\xe6"
	buildEnd   = "\xf9\x32\x43\x31\x86\x18\x20\x72\x00\x82\x42\x10\x41\x16\xd8\xf2"
)

// flagVersion is what the linker was told: of another program nobody knows which flag
// is its version.
func flagVersion(file []byte) string {
	_, after, _ := bytes.Cut(file, []byte(buildBegin+"path\t"+ProgramPath+"\n"))
	text, _, found := bytes.Cut(after, []byte(buildEnd))
	if !found {
		return ""
	}
	build, err := debug.ParseBuildInfo(string(text))
	if err != nil {
		return ""
	}
	for _, s := range build.Settings {
		if s.Key == "-ldflags" {
			return linkedVersion(s.Value)
		}
	}
	return ""
}

func linkedVersion(flags string) (version string) {
	for word := range strings.FieldsSeq(flags) {
		word = strings.TrimPrefix(word, "-X=")
		if v, is := strings.CutPrefix(strings.Trim(word, `"'`), "main.version="); is {
			version = v // the last one counts
		}
	}
	return version
}
