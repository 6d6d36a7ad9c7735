package agentcli

import (
	"fmt"
	"strings"
)

type tokenKind int

const (
	tokenEnd    tokenKind = iota // end of the file
	tokenName                    // system.host, env, not
	tokenString                  // "x", 'x', `x`
	tokenNumber                  // 4222
	tokenSymbol                  // ( ) , = == != | …
	tokenClose                   // }} or %}, perhaps with a leading minus
)

type token struct {
	kind tokenKind
	text string // of a string: without its quotes
	at   int    // offset in the source
}

func (t token) is(symbol string) bool { return t.kind == tokenSymbol && t.text == symbol }
func (t token) named(name string) bool {
	return t.kind == tokenName && t.text == name
}

func (t token) String() string {
	if t.kind == tokenEnd {
		return "the end of the file"
	}
	return fmt.Sprintf("%q", t.text)
}

// templateError is a problem at an offset of the template's source.
type templateError struct {
	at  int
	msg string
}

func (e *templateError) Error() string { return e.msg }

func errorAt(at int, format string, args ...any) *templateError {
	return &templateError{at: at, msg: fmt.Sprintf(format, args...)}
}

// scanner reads the tokens inside one tag.
type scanner struct {
	src string
	pos int
}

func (s *scanner) next() (token, error) {
	s.skipBlanks()
	at := s.pos
	if at >= len(s.src) {
		return token{kind: tokenEnd, at: at}, nil
	}
	rest := s.src[at:]
	if closer := closingDelimiter(rest); closer != "" {
		s.pos += len(closer)
		return token{kind: tokenClose, text: closer, at: at}, nil
	}
	switch c := rest[0]; {
	case isNameStart(c):
		return s.take(tokenName, isNamePart), nil
	case isDigit(c):
		return s.take(tokenNumber, isNamePart), nil
	case c == '"' || c == '\'' || c == '`':
		return s.quoted(c)
	}
	return s.symbol(), nil
}

func (s *scanner) skipBlanks() {
	for s.pos < len(s.src) && strings.IndexByte(" \t\r\n", s.src[s.pos]) >= 0 {
		s.pos++
	}
}

func closingDelimiter(rest string) string {
	for _, closer := range [...]string{"}}", "%}", "-}}", "-%}"} {
		if strings.HasPrefix(rest, closer) {
			return closer
		}
	}
	return ""
}

func (s *scanner) take(kind tokenKind, part func(byte) bool) token {
	at := s.pos
	for s.pos < len(s.src) && part(s.src[s.pos]) {
		s.pos++
	}
	return token{kind: kind, text: s.src[at:s.pos], at: at}
}

// quoted reads a string; like the reference, it knows no escapes, a string
// that needs one kind of quote is written in another.
func (s *scanner) quoted(quote byte) (token, error) {
	at := s.pos
	length := strings.IndexByte(s.src[at+1:], quote)
	if length < 0 {
		return token{}, errorAt(at, "the string is not closed")
	}
	s.pos = at + 1 + length + 1
	return token{kind: tokenString, text: s.src[at+1 : at+1+length], at: at}, nil
}

func (s *scanner) symbol() token {
	at := s.pos
	s.pos++
	if s.pos < len(s.src) && s.src[s.pos] == '=' && strings.IndexByte("=!<>", s.src[at]) >= 0 {
		s.pos++
	}
	return token{kind: tokenSymbol, text: s.src[at:s.pos], at: at}
}

func isDigit(c byte) bool     { return '0' <= c && c <= '9' }
func isNameStart(c byte) bool { return c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' }
func isNamePart(c byte) bool  { return isNameStart(c) || isDigit(c) || c == '.' }
