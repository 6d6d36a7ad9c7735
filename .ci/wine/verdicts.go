//go:build ignore

// Command verdicts reads what go test -json writes and prints what a reader wants of it: a line a package with its slow
// tests, and everything that a failed test said. The failed tests are listed in FILE, a package and a test a line. It fails
// when a test skipped itself for another reason than that it needs sh, when no test passed, and when a package failed for
// another reason than its tests.
//
//	go test -json ./... | go run verdicts.go FILE
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
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
	failed  []string           // package and test
	broken  []string           // packages that failed by themselves: no build, a panic, too late
}

func main() {
	v := verdicts{said: map[[2]string]*strings.Builder{}, tests: map[string]int{}, needSh: map[string]int{}, slow: map[string][]string{}, running: map[[2]string]bool{}}
	if len(os.Args) != 2 {
		fail(errors.New("usage: go test -json ./... | go run verdicts.go FILE"))
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

// fail prints what a test said; for a package also what its tests said that have not come to an end, since a timeout or a
// panic ends the package alone.
func (v *verdicts) fail(e event) {
	for key, text := range v.said {
		if key[0] == e.Package && (key[1] == e.Test || e.Test == "") {
			fmt.Print(text)
			delete(v.said, key)
		}
	}
	switch {
	case e.Test == "":
		fmt.Print(strings.Join(v.slow[e.Package], ""))
		v.blame(e.Package)
	case !strings.Contains(e.Test, "/"):
		v.failed = append(v.failed, e.Package+" "+e.Test+"\n")
	}
}

// blame tells whether a package failed because of tests that failed, or for another reason.
func (v *verdicts) blame(pkg string) {
	whole := false
	for _, line := range v.failed {
		whole = whole || strings.HasPrefix(line, pkg+" ")
	}
	for key := range v.running {
		whole = whole && key[0] != pkg
	}
	if !whole {
		v.broken = append(v.broken, pkg)
	}
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

// leftOut says how many tests need sh.
func (v *verdicts) leftOut(pkg string) string {
	if v.needSh[pkg] == 0 {
		return ""
	}
	return fmt.Sprintf(", %d need sh", v.needSh[pkg])
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
	if len(v.broken) > 0 {
		return fmt.Errorf("these did not come to their end:\n%s", strings.Join(v.broken, "\n"))
	}
	if len(v.tests) == 0 {
		return errors.New("no test passed")
	}
	return nil
}
