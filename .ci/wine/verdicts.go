//go:build ignore

// Command verdicts reads what go test -json writes and prints what a reader wants of it: a line a package with its slow
// tests, and everything that a failed test said. The failed tests are listed in FAILED, a package and a test a line. Those
// of the list MUST are to fail; it fails when one of them did not, when a test skipped itself for another reason than that it
// needs sh, when no test passed, and when a package failed for another reason than its tests.
//
//	go test -json ./... | go run verdicts.go FAILED MUST
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
)

type event struct {
	Action, Package, Test, Output string
	Elapsed                       float64
}

const (
	slow    = 20          // seconds; such a test is named
	needsSh = "needs sh:" // how a test skips itself whose scripts are for sh
)

type verdicts struct {
	said    map[[2]string]*strings.Builder // by package and test
	tests   map[string]int                 // passed, by package
	needSh  map[string]int                 // skipped for want of sh, by package
	slow    map[string][]string            // lines, by package
	skipped []string
	running map[[2]string]bool // began and have not ended
	must    map[string]bool    // package and test that is to fail: whether it has
	failed  []string           // package and test
	broken  []string           // packages that failed by themselves: no build, a panic, too late
}

func main() {
	v := verdicts{said: map[[2]string]*strings.Builder{}, tests: map[string]int{}, needSh: map[string]int{}, slow: map[string][]string{}, running: map[[2]string]bool{}, must: map[string]bool{}}
	if len(os.Args) != 3 {
		fail(errors.New("usage: go test -json ./... | go run verdicts.go FAILED MUST"))
	}
	must, err := os.ReadFile(os.Args[2])
	if err != nil {
		fail(err)
	}
	for line := range strings.Lines(string(must)) {
		v.must[strings.TrimSpace(line)] = false
	}
	if err := v.read(json.NewDecoder(os.Stdin)); err != nil {
		fail(err)
	}
	if err := os.WriteFile(os.Args[1], []byte(strings.Join(v.failed, "")), 0o600); err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "verdicts:", err)
	os.Exit(1)
}

func (v *verdicts) read(in *json.Decoder) error {
	for {
		var e event
		err := in.Decode(&e)
		if errors.Is(err, io.EOF) {
			return v.judge()
		}
		if err != nil {
			return err
		}
		v.take(e)
	}
}

func (v *verdicts) take(e event) {
	key := [2]string{e.Package, e.Test}
	switch e.Action {
	case "build-output":
		fmt.Print(e.Output)
	case "run":
		v.running[key] = true
	case "output":
		if v.said[key] == nil {
			v.said[key] = &strings.Builder{}
		}
		v.said[key].WriteString(e.Output)
	case "fail":
		v.ended(e)
		v.fail(e)
	case "pass", "skip":
		v.ended(e)
		v.passed(e)
		delete(v.said, key)
	}
}

// ended remembers a test, or a subtest, that took long.
func (v *verdicts) ended(e event) {
	delete(v.running, [2]string{e.Package, e.Test})
	if e.Test != "" && e.Elapsed >= slow {
		v.slow[e.Package] = append(v.slow[e.Package], fmt.Sprintf("     %6.1f s  %s\n", e.Elapsed, e.Test))
	}
}

// mustFail is whether this test, or the one that it is a part of, is to fail.
func (v *verdicts) mustFail(e event) bool {
	whole, _, part := strings.Cut(e.Test, "/")
	_, must := v.must[e.Package+" "+whole]
	if must && !part {
		v.must[e.Package+" "+whole] = true
	}
	return must
}

// good is whether a package failed because of tests that are to fail, and of nothing else.
func (v *verdicts) good(pkg string) bool {
	return v.blame(pkg, slices.Collect(maps.Keys(v.must))) && !v.blame(pkg, v.failed)
}

// fail prints what a test said; for a package also what its tests said that have not come to an end, since a timeout or a
// panic ends the package alone.
func (v *verdicts) fail(e event) {
	if v.mustFail(e) {
		delete(v.said, [2]string{e.Package, e.Test})
		return
	}
	if e.Test == "" && v.good(e.Package) {
		v.passed(event{Action: "pass", Package: e.Package, Elapsed: e.Elapsed})
		return
	}
	outlived := v.outlived(e)
	for key, text := range v.said {
		if key[0] == e.Package && (key[1] == e.Test || e.Test == "") {
			fmt.Print(text)
			delete(v.said, key)
		}
	}
	switch {
	case e.Test == "":
		fmt.Print(strings.Join(v.slow[e.Package], ""))
		switch {
		case v.blame(e.Package, v.failed):
		case outlived:
			v.failed = append(v.failed, e.Package+" .*\n") // all of it
		default:
			v.broken = append(v.broken, e.Package)
		}
	case !strings.Contains(e.Test, "/"):
		v.failed = append(v.failed, e.Package+" "+e.Test+"\n")
	}
}

// outlived tells whether a package failed only because a program kept its output open: the console that Wine gives to a
// child stays at times when the child is killed.
func (v *verdicts) outlived(e event) bool {
	if e.Test != "" || v.said[[2]string{e.Package, ""}] == nil {
		return false
	}
	for key := range v.running {
		if key[0] == e.Package {
			return false
		}
	}
	return strings.Contains(v.said[[2]string{e.Package, ""}].String(), "WaitDelay expired before I/O complete")
}

// blame tells whether a package has come to its end, and one of these tests is in it.
func (v *verdicts) blame(pkg string, tests []string) bool {
	for key := range v.running {
		if key[0] == pkg {
			return false
		}
	}
	return slices.ContainsFunc(tests, func(test string) bool { return strings.HasPrefix(test, pkg+" ") })
}

// passed counts tests and prints packages. A seed of a fuzz test may skip itself: it is one input of many.
func (v *verdicts) passed(e event) {
	switch {
	case e.Test == "" && e.Action == "pass":
		fmt.Printf("ok   %6.1f s  %4d tests  %s%s\n", e.Elapsed, v.tests[e.Package], e.Package, v.leftOut(e.Package))
		fmt.Print(strings.Join(v.slow[e.Package], ""))
	case e.Action == "skip" && v.saysNeedsSh(e):
		v.needSh[e.Package]++
	case e.Action == "skip" && e.Test != "" && !strings.Contains(e.Test, "/"):
		v.skipped = append(v.skipped, e.Package+" "+e.Test)
	case e.Action == "pass" && !strings.Contains(e.Test, "/"):
		v.tests[e.Package]++
	}
}

// leftOut says how many tests need sh, and which failed as they are to.
func (v *verdicts) leftOut(pkg string) (text string) {
	if v.needSh[pkg] > 0 {
		text = fmt.Sprintf(", %d need sh", v.needSh[pkg])
	}
	for _, test := range slices.Sorted(maps.Keys(v.must)) {
		if name, in := strings.CutPrefix(test, pkg+" "); in && v.must[test] {
			text += "\n     fails as expected: " + name
		}
	}
	return text
}

// saysNeedsSh: t.Skip writes the file and the line, and then the text.
func (v *verdicts) saysNeedsSh(e event) bool {
	text := v.said[[2]string{e.Package, e.Test}]
	return text != nil && strings.Contains(text.String(), ": "+needsSh)
}

func (v *verdicts) judge() error {
	if len(v.skipped) > 0 {
		return fmt.Errorf("these skip themselves; the list left-out is the place for that, with a reason:\n%s", strings.Join(v.skipped, "\n"))
	}
	for test, failed := range v.must {
		if !failed && len(v.broken) == 0 {
			return fmt.Errorf("%s does not fail under Wine any more: take it off left-out", test)
		}
	}
	if len(v.broken) > 0 {
		return fmt.Errorf("these did not come to their end:\n%s", strings.Join(v.broken, "\n"))
	}
	if len(v.tests) == 0 {
		return errors.New("no test passed")
	}
	return nil
}
