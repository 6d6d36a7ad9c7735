//go:build ignore

// verdicts reads what go test -json writes and prints what a reader wants of it: a line a package, and everything that
// a failed test said. It fails when a test skipped itself, and when no test passed.
//
//	go test -json ./... | go run verdicts.go
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

type verdicts struct {
	said    map[[2]string]*strings.Builder // by package and test
	tests   map[string]int                 // passed, by package
	skipped []string
}

func main() {
	v := verdicts{said: map[[2]string]*strings.Builder{}, tests: map[string]int{}}
	if err := v.read(json.NewDecoder(os.Stdin)); err != nil {
		fmt.Fprintln(os.Stderr, "verdicts:", err)
		os.Exit(1)
	}
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
	case "output":
		if v.said[key] == nil {
			v.said[key] = &strings.Builder{}
		}
		v.said[key].WriteString(e.Output)
	case "fail":
		if text := v.said[key]; text != nil {
			fmt.Print(text)
		}
	case "pass", "skip":
		v.passed(e)
		delete(v.said, key)
	}
}

// passed counts tests and prints packages. A seed of a fuzz test may skip itself: it is one input of many.
func (v *verdicts) passed(e event) {
	switch {
	case e.Test == "" && e.Action == "pass":
		fmt.Printf("ok   %6.1f s  %4d tests  %s\n", e.Elapsed, v.tests[e.Package], e.Package)
	case e.Action == "skip" && e.Test != "" && !strings.Contains(e.Test, "/"):
		v.skipped = append(v.skipped, e.Package+" "+e.Test)
	case e.Action == "pass" && !strings.Contains(e.Test, "/"):
		v.tests[e.Package]++
	}
}

func (v *verdicts) judge() error {
	if len(v.skipped) > 0 {
		return fmt.Errorf("these skip themselves; the list left-out is the place for that, with a reason:\n%s", strings.Join(v.skipped, "\n"))
	}
	if len(v.tests) == 0 {
		return errors.New("no test passed")
	}
	return nil
}
