package main

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// reader takes in what a test program with -test.v prints, line by line.
type reader struct {
	tests   map[string]*testState
	order   []string
	current *testState // whom lines belong to
	loose   tail       // lines of no test
}

type testState struct {
	testReport
	output tail
}

// Lines of the testing package. A result of a test that others print beside has the test's name; the name of a test has no blank.
var (
	turnLine   = regexp.MustCompile(`^=== (?:RUN|CONT|NAME|PAUSE) +(\S*)$`)
	resultLine = regexp.MustCompile(`^( *)--- (PASS|FAIL|SKIP): (\S+) \(([0-9.]+)s\)$`)
)

var verdicts = map[string]verdict{"PASS": passed, "FAIL": failed, "SKIP": skipped}

// longLine is more than a reader keeps of one line.
const longLine = maxTestOutput

func newReader() *reader {
	return &reader{tests: make(map[string]*testState), loose: tail{max: maxTestOutput}}
}

func (r *reader) read(in io.Reader) error {
	lines := bufio.NewReaderSize(in, longLine)
	for {
		line, err := lines.ReadSlice('\n')
		if len(line) > 0 {
			r.take(line)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return err
		}
	}
}

func (r *reader) take(line []byte) {
	text := string(bytes.TrimRight(line, "\r\n"))
	if turn := turnLine.FindStringSubmatch(text); turn != nil {
		r.current = r.test(turn[1])
		return
	}
	if result := resultLine.FindStringSubmatch(text); result != nil {
		r.result(result)
	}
	if r.current == nil {
		r.loose.write(line)
		return
	}
	r.current.output.write(line)
}

// test returns the state of the test that a name is, or is below.
func (r *reader) test(name string) *testState {
	name, _, _ = strings.Cut(name, "/")
	if name == "" {
		return nil
	}
	t, ok := r.tests[name]
	if !ok {
		t = &testState{testReport: testReport{Name: name, Verdict: unfinished}, output: tail{max: maxTestOutput}}
		r.tests[name] = t
		r.order = append(r.order, name)
	}
	return t
}

func (r *reader) result(fields []string) {
	name := fields[3]
	r.current = r.test(name)
	if strings.Contains(name, "/") {
		return
	}
	r.current.Verdict = verdicts[fields[2]]
	r.current.Seconds, _ = strconv.ParseFloat(fields[4], 64) // the expression lets nothing else through
}

// reports returns all tests, in the order of their starts, with the output of those that somebody wants to read.
func (r *reader) reports() []testReport {
	all := make([]testReport, 0, len(r.order))
	for _, name := range r.order {
		t := r.tests[name]
		if t.Verdict != passed || strings.HasPrefix(name, "TestHost") {
			t.Output = t.output.String()
		}
		all = append(all, t.testReport)
	}
	return all
}

// tail keeps the last bytes that are written to it.
type tail struct {
	max  int
	kept []byte
	lost int
}

func (t *tail) write(p []byte) {
	t.kept = append(t.kept, p...)
	if over := len(t.kept) - t.max; over > t.max {
		t.kept = slices.Delete(t.kept, 0, over)
		t.lost += over
	}
}

func (t *tail) String() string {
	kept, lost := t.kept, t.lost
	if over := len(kept) - t.max; over > 0 {
		kept, lost = kept[over:], lost+over
	}
	text := strings.ToValidUTF8(string(kept), "\uFFFD")
	if lost > 0 {
		return "[" + strconv.Itoa(lost) + " bytes left out]\n" + text
	}
	return text
}
