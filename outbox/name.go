package outbox

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

const (
	fileSuffix = ".json"
	// tempSuffix is what a write under way ends in, here and in the reference
	// release.
	tempSuffix = fileSuffix + ".tmp"
	hashPrefix = "sha256-"

	safeChars   = "abcdefghijklmnopqrstuvwxyz0123456789._-"
	maxSafeName = 128
)

// safe tells whether a record's name can be its file's name on every file
// system. Upper case is not safe: it would meet its lower-case twin where case
// does not count. What looks like a hash is not safe either, so that no two
// names ever share a file.
func safe(name string) bool {
	return name != "" && len(name) <= maxSafeName && only(name, safeChars) &&
		name[0] != '.' && !strings.HasSuffix(name, ".") &&
		!deviceName(name) &&
		!hashedName(name)
}

// only tells whether a name has no other characters than these.
func only(name, chars string) bool { return strings.Trim(name, chars) == "" }

// deviceName tells whether Windows takes a name for a device, whatever follows its
// first dot.
func deviceName(name string) bool {
	name, _, _ = strings.Cut(name, ".")
	switch name {
	case "con", "prn", "aux", "nul":
		return true
	}
	return len(name) == 4 && (name[:3] == "com" || name[:3] == "lpt") && only(name[3:], "0123456789")
}

func hashedName(name string) bool {
	hash, ok := strings.CutPrefix(name, hashPrefix)
	return ok && len(hash) == hex.EncodedLen(sha256.Size) && only(hash, "0123456789abcdef")
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
