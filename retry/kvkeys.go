package retry

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nats-io/nats.go/jetstream"
)

const maxKeyBytes = 1024 // of a key or pattern; a server's control line is 4 KiB

// checkBucket and checkPattern keep names out of subjects that would change their meaning.
func checkBucket(bucket string) error {
	if bucket == "" || strings.ContainsFunc(bucket, func(r rune) bool { return !isNameRune(r) || r == '/' || r == '=' }) {
		return fmt.Errorf("%w: %s", jetstream.ErrInvalidBucketName, quoted(bucket))
	}
	return nil
}

// checkPattern takes the keys that nats.go takes, and * and > as whole tokens.
func checkPattern(pattern string) error {
	tokens := strings.Split(pattern, ".")
	for i, token := range tokens {
		wild := token == "*" || token == ">" && i == len(tokens)-1
		if !wild && (token == "" || strings.ContainsFunc(token, func(r rune) bool { return !isNameRune(r) })) {
			return fmt.Errorf("%w: %s", jetstream.ErrInvalidKey, quoted(pattern))
		}
	}
	if len(pattern) > maxKeyBytes {
		return fmt.Errorf("%w: %d bytes long", jetstream.ErrInvalidKey, len(pattern))
	}
	return nil
}

func isNameRune(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("-_/=", r)
}

func isExact(pattern string) bool { return !strings.ContainsAny(pattern, "*>") }

func allExact(patterns []string) bool {
	return !slices.ContainsFunc(patterns, func(p string) bool { return !isExact(p) })
}

// patternMatches tells whether pattern takes in key. A pattern is taken in by another in the same way.
func patternMatches(pattern, key string) bool {
	for {
		p, restP, moreP := strings.Cut(pattern, ".")
		k, restK, moreK := strings.Cut(key, ".")
		switch {
		case k == "":
			return false
		case p == ">":
			return true
		case k == ">" || p != "*" && p != k || moreP != moreK:
			return false
		case !moreP:
			return true
		}
		pattern, key = restP, restK
	}
}

func anyMatches(patterns []string, key string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return patternMatches(p, key) })
}

// disjoint returns the patterns, sorted, without those that another one takes in.
func disjoint(patterns []string) []string {
	sorted := slices.Compact(slices.Sorted(slices.Values(patterns)))
	wild := slices.DeleteFunc(slices.Clone(sorted), isExact)
	return slices.DeleteFunc(sorted, func(p string) bool {
		return slices.ContainsFunc(wild, func(w string) bool { return w != p && patternMatches(w, p) })
	})
}
