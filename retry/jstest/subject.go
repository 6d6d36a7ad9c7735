package jstest

import "strings"

// matches tells whether pattern, which may have the wildcards * and >, takes in subject.
func matches(pattern, subject string) bool {
	p, s := strings.Split(pattern, "."), strings.Split(subject, ".")
	for i, token := range p {
		if token == ">" {
			return i < len(s)
		}
		if i >= len(s) || token != "*" && token != s[i] {
			return false
		}
	}
	return len(p) == len(s)
}

func matchesAny(patterns []string, subject string) bool {
	for _, p := range patterns {
		if matches(p, subject) {
			return true
		}
	}
	return false
}

// overlap tells whether some subject matches both patterns.
func overlap(a, b string) bool {
	p, q := strings.Split(a, "."), strings.Split(b, ".")
	for i := 0; i < len(p) && i < len(q); i++ {
		if p[i] == ">" || q[i] == ">" {
			return true
		}
		if p[i] != q[i] && p[i] != "*" && q[i] != "*" {
			return false
		}
	}
	return len(p) == len(q)
}

func badSubject(subject string) bool {
	if strings.ContainsAny(subject, " \t\r\n") {
		return true
	}
	for token := range strings.SplitSeq(subject, ".") {
		if token == "" {
			return true
		}
	}
	return false
}
