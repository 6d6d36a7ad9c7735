package wire

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// maxNameBytes keeps the longest subject, its reply subject and the verb far
	// below the 4096 bytes that a server reads as one protocol line.
	maxNameBytes = 512
	// maxPCIDBytes leaves room for the consumer's prefix in the 255 bytes that a
	// server allows for a consumer name.
	maxPCIDBytes = 255 - len(replayConsumerPrefix)
	maxPCLabels  = 4
)

// SubjectSafe says why name, a request id, exec id, pc_id or group, cannot stand
// in a subject as it is; nil when it can. Dots are allowed, they add tokens. Not
// allowed are an empty name or token, blanks, control characters, the wildcards
// * and >, invalid UTF-8, and more than 512 bytes. The error matches
// [ErrInvalid].
func SubjectSafe(name string) error {
	return invalid("name", checkTokens(name, maxNameBytes))
}

// ValidateGroup says why name cannot name a group: it must be safe in a subject,
// see [SubjectSafe], where it is one subject and never a pattern of several. The
// error matches [ErrInvalid].
func ValidateGroup(name string) error {
	return invalid("group", checkTokens(name, maxNameBytes))
}

// ValidatePCID says why id cannot name a host: it must be safe in a subject,
// see [SubjectSafe], have at most 4 labels separated by dots and 242 bytes, and
// no invisible format characters. The error matches [ErrInvalid].
func ValidatePCID(id string) error {
	return invalid("pc_id", checkPCID(id))
}

func checkPCID(id string) error {
	if err := checkTokens(id, maxPCIDBytes); err != nil {
		return err
	}
	for i, r := range id {
		if unicode.Is(unicode.Cf, r) {
			return fmt.Errorf("%q at byte %d is invisible", r, i)
		}
	}
	if labels := strings.Count(id, ".") + 1; labels > maxPCLabels {
		return fmt.Errorf("%d labels separated by dots; at most %d are allowed", labels, maxPCLabels)
	}
	return nil
}

func checkTokens(name string, limit int) error {
	switch {
	case name == "":
		return errors.New("it is empty")
	case len(name) > limit:
		return fmt.Errorf("%d bytes; at most %d are allowed", len(name), limit)
	}
	token := 0
	for i, r := range name {
		if err := checkRune(name, i, r); err != nil {
			return err
		}
		if r != '.' {
			continue
		}
		if i == token {
			return fmt.Errorf("nothing before '.' at byte %d", i)
		}
		token = i + 1
	}
	if token == len(name) {
		return fmt.Errorf("nothing after '.' at byte %d", token-1)
	}
	return nil
}

func checkRune(name string, i int, r rune) error {
	switch {
	case r == '*' || r == '>':
		return fmt.Errorf("%q at byte %d is a wildcard", r, i)
	case unicode.IsControl(r):
		return fmt.Errorf("%q at byte %d is a control character", r, i)
	case unicode.IsSpace(r):
		return fmt.Errorf("%q at byte %d is a blank", r, i)
	case r == utf8.RuneError && !strings.HasPrefix(name[i:], replacement):
		return fmt.Errorf("byte %d (0x%02x) is not valid UTF-8", i, name[i])
	}
	return nil
}

// invalid wraps err, which may be nil, as a problem of what.
func invalid(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w %s: %w", ErrInvalid, what, err)
}
