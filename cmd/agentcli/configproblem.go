package agentcli

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/kanade-go/kanade/agent"
)

// problem is something that is wrong with a configuration, or only odd, and
// where. File and position are empty for what no file says.
type problem struct {
	Warning bool
	File    string
	Line    int // from 1; 0: not known
	Column  int // in bytes, from 1
	Text    string
	cause   error // for errors.Is; nil: Text is all there is
}

// Error is one line that begins with file:line:column as far as they are known.
func (p problem) Error() string {
	var text strings.Builder
	if p.File != "" {
		text.WriteString(p.File + ":")
	}
	if p.Line > 0 {
		text.WriteString(strconv.Itoa(p.Line) + ":" + strconv.Itoa(p.Column) + ":")
	}
	if text.Len() > 0 {
		text.WriteByte(' ')
	}
	return text.String() + p.Text
}

func (p problem) Unwrap() error { return p.cause }

func problemOf(err error) problem { return problem{Text: oneLine(err), cause: err} }

// plain is what an error of the agent says, without where it comes from.
func plain(err error) string {
	return strings.TrimPrefix(oneLine(err), agent.ErrConfig.Error()+": ")
}

// problems are everything that is wrong, in the order of a reader.
type problems []problem

func (p problems) Error() string {
	texts := make([]string, 0, len(p))
	for _, one := range p {
		texts = append(texts, one.Error())
	}
	return strings.Join(texts, "; ")
}

func (p problems) Unwrap() []error {
	errs := make([]error, 0, len(p))
	for _, one := range p {
		errs = append(errs, one)
	}
	return errs
}

// err is nil if there is none.
func (p problems) err() error {
	if len(p) == 0 {
		return nil
	}
	return p
}

// ordered puts those of a file together, by position, and drops what is said
// twice. The files are in the order that is given, others behind them; what has
// no file comes last.
func (p problems) ordered(files ...string) problems {
	rank := map[string]int{"": math.MaxInt}
	for i, file := range files {
		rank[file] = i
	}
	for _, one := range p {
		if _, seen := rank[one.File]; !seen {
			rank[one.File] = len(files) + len(rank)
		}
	}
	slices.SortStableFunc(p, func(a, b problem) int {
		return cmp.Or(cmp.Compare(rank[a.File], rank[b.File]), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return slices.CompactFunc(p, func(a, b problem) bool { return a.Error() == b.Error() })
}

// separated undoes errors.Join.
func separated(err error) []error {
	if err == nil {
		return nil
	}
	joined, ok := err.(interface{ Unwrap() []error }) //nolint:errorlint // the joined error itself, not one inside
	if !ok || !isJoin(err, joined.Unwrap()) {
		return []error{err}
	}
	var all []error
	for _, one := range joined.Unwrap() {
		all = append(all, separated(one)...)
	}
	return all
}

// isJoin tells errors.Join from an error that wraps several with a text of its own.
func isJoin(err error, parts []error) bool {
	texts := make([]string, 0, len(parts))
	for _, part := range parts {
		texts = append(texts, part.Error())
	}
	return err.Error() == strings.Join(texts, "\n")
}
