package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
)

// metadataSection is where backends of a fleet look for what a program is before they
// publish it. Programs for macOS have none: their signature, which the linker makes,
// covers the file as it is.
const metadataSection = ".kanade"

// metadata is the section's content: a mark, schema 1, no flags, the length of what
// follows, and a JSON object with exactly these keys.
func metadata(version string, p platform) []byte {
	text, err := json.Marshal(struct {
		Product  string `json:"product"`
		Version  string `json:"version"`
		Platform string `json:"platform"`
	}{program, version, p.name()})
	if err != nil { // strings alone always have a JSON form
		panic(err)
	}
	var out bytes.Buffer
	out.WriteString("KNAGMETA")
	for _, n := range []uint16{1, 0} {
		_ = binary.Write(&out, binary.LittleEndian, n) // to memory
	}
	_ = binary.Write(&out, binary.LittleEndian, uint32(len(text))) // to memory
	out.Write(text)
	return out.Bytes()
}
