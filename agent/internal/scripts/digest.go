package scripts

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
)

const digestLen = 64

// isDigest reports whether s is a SHA-256 as commands and files name it: 64 lower-case hexadecimal digits.
func isDigest(s string) bool {
	if len(s) != digestLen {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// digestPrefix begins the digest in the description of an object.
const digestPrefix = "SHA-256="

// ParseDigest turns the digest in the description of an object ("SHA-256=" and URL-safe base64, padded or not) into 64
// lower-case hexadecimal digits.
func ParseDigest(s string) (string, error) {
	encoded, ok := strings.CutPrefix(s, digestPrefix)
	if !ok {
		return "", fmt.Errorf("scripts: read digest: %.80q does not begin with %q", s, digestPrefix)
	}
	sum, err := decodeDigest(encoded)
	if err != nil {
		return "", fmt.Errorf("scripts: read digest %.80q: %w", s, err)
	}
	if 2*len(sum) != digestLen {
		return "", fmt.Errorf("scripts: read digest %.80q: it has %d bytes, not %d", s, len(sum), digestLen/2)
	}
	return hex.EncodeToString(sum), nil
}

func decodeDigest(s string) ([]byte, error) {
	encoding := base64.RawURLEncoding
	if strings.HasSuffix(s, "=") {
		encoding = base64.URLEncoding
	}
	if strings.ContainsAny(s, "\r\n") { // which the decoder would skip
		return nil, base64.CorruptInputError(strings.IndexAny(s, "\r\n"))
	}
	return encoding.Strict().DecodeString(s)
}
