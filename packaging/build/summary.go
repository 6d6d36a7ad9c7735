package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/google/uuid"
)

// The format of the summary of an installer: a mark, then pairs of a property and
// where it is, counted from the number of their bytes.
var summaryMark = []byte{0xe0, 0x85, 0x9f, 0xf2, 0xf9, 0x4f, 0x68, 0x10, 0xab, 0x91, 0x08, 0x00, 0x2b, 0x27, 0xb3, 0xd9}

const (
	packageCode = 9
	created     = 12
	saved       = 13

	typeString = 30
	typeTime   = 64
)

// settle gives an installer the package code and the times that it should have, in
// place. The summary is small and in one piece, or there is an error.
func settle(path string, code uuid.UUID, date time.Time) error {
	file, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	at := bytes.Index(file, summaryMark)
	if at < 0 || at != bytes.LastIndex(file, summaryMark) || at+20 > len(file) {
		return errors.New("the installer has no summary, or more than one")
	}
	section := at - 28 + int(binary.LittleEndian.Uint32(file[at+16:]))
	if section < at || section+8 > len(file) {
		return errors.New("the installer's summary is broken")
	}
	text := braced(code)
	found := 0
	for n := range binary.LittleEndian.Uint32(file[section+4:]) {
		pair := section + 8 + 8*int(n)
		if pair+8 > len(file) {
			return errors.New("the installer's summary is broken")
		}
		property := binary.LittleEndian.Uint32(file[pair:])
		value := section + int(binary.LittleEndian.Uint32(file[pair+4:]))
		switch property {
		case packageCode:
			err = replaceString(file, value, text)
		case created, saved:
			err = replaceTime(file, value, date)
		default:
			continue
		}
		if err != nil {
			return fmt.Errorf("the installer's summary, property %d: %w", property, err)
		}
		found++
	}
	if found != 3 {
		return fmt.Errorf("the installer's summary has %d of 3 properties", found)
	}
	return os.WriteFile(path, file, 0o644)
}

func replaceString(file []byte, at int, text string) error {
	if at+8+len(text) > len(file) || binary.LittleEndian.Uint32(file[at:]) != typeString || int(binary.LittleEndian.Uint32(file[at+4:])) != len(text)+1 {
		return errors.New("not a string of that length")
	}
	copy(file[at+8:], text)
	return nil
}

// replaceTime writes steps of 100 ns since 1601.
func replaceTime(file []byte, at int, date time.Time) error {
	if at+12 > len(file) || binary.LittleEndian.Uint32(file[at:]) != typeTime {
		return errors.New("not a time")
	}
	binary.LittleEndian.PutUint64(file[at+4:], uint64(date.Unix()+11644473600)*10_000_000)
	return nil
}
