package exec

import (
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/sys/windows"
)

const codePageUTF8 = 65001

var procGetOEMCP = windows.NewLazySystemDLL("kernel32.dll").NewProc("GetOEMCP")

// consoleCodePage is that of a new console, which every run gets.
func consoleCodePage() uint32 {
	page, _, _ := procGetOEMCP.Call()
	return uint32(page)
}

func decodeConsole(dst, line []byte) []byte { return decodeCodePage(consoleCodePage(), dst, line) }

// decodeCodePage appends the UTF-8 of a line in a code page. What the page does not know becomes its default character.
func decodeCodePage(page uint32, dst, line []byte) []byte {
	if page == codePageUTF8 || len(line) == 0 {
		return replaceInvalid(dst, line)
	}
	size, err := windows.MultiByteToWideChar(page, 0, &line[0], int32(len(line)), nil, 0)
	if err != nil || size <= 0 {
		return replaceInvalid(dst, line)
	}
	wide := make([]uint16, size)
	size, err = windows.MultiByteToWideChar(page, 0, &line[0], int32(len(line)), &wide[0], size)
	if err != nil {
		return replaceInvalid(dst, line)
	}
	return appendUTF16(dst, wide[:size])
}

func appendUTF16(dst []byte, wide []uint16) []byte {
	for i := 0; i < len(wide); i++ {
		r := rune(wide[i])
		if utf16.IsSurrogate(r) {
			low := rune(0)
			if i+1 < len(wide) {
				low = rune(wide[i+1])
			}
			if r = utf16.DecodeRune(r, low); r != utf8.RuneError {
				i++
			}
		}
		dst = utf8.AppendRune(dst, r)
	}
	return dst
}
