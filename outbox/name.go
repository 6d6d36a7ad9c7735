package outbox

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strings"
)

const (
	fileSuffix = ".json"
	// tempSuffix is what a write under way ends in, here and in the reference
	// release.
	tempSuffix = fileSuffix + ".tmp"
	hashPrefix = "sha256-"
)

var (
	safeName   = regexp.MustCompile(`^[a-z0-9_-][a-z0-9._-]{0,127}$`)
	deviceName = regexp.MustCompile(`^(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|$)`)
	hashedName = regexp.MustCompile(`^` + hashPrefix + `[0-9a-f]{64}$`)
)

// safe tells whether a record's name can be its file's name on every file
// system. Upper case is not safe: it would meet its lower-case twin where case
// does not count. What looks like a hash is not safe either, so that no two
// names ever share a file.
func safe(name string) bool {
	return safeName.MatchString(name) &&
		!strings.HasSuffix(name, ".") &&
		!deviceName.MatchString(name) &&
		!hashedName.MatchString(name)
}

func hashedFile(name string) string {
	sum := sha256.Sum256([]byte(name))
	return hashPrefix + hex.EncodeToString(sum[:]) + fileSuffix
}

// fold maps names that one file system or another takes for the same to one.
func fold(file string) string {
	for i := range len(file) {
		if c := file[i]; c >= 0x80 || c >= 'A' && c <= 'Z' {
			return strings.ToLower(strings.ToUpper(file))
		}
	}
	return file
}

func randomID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails; it ends the process instead
	return hex.EncodeToString(b[:])
}
