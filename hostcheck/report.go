package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"time"
)

// report is what a check found. Its size has a bound: that of the outputs in it, and one line for each test.
type report struct {
	Format     int             `json:"format"`
	Built      manifest        `json:"built"`
	Started    time.Time       `json:"started"`
	Seconds    float64         `json:"seconds"`
	Account    string          `json:"account"` // whom the tests ran as: "user", "administrator", "system"
	Machine    machine         `json:"machine"`
	PowerShell []powershell    `json:"powershell"`
	Suites     []suiteReport   `json:"suites"`
	Totals     map[verdict]int `json:"totals"`
	AsSystem   *report         `json:"as_system,omitempty"`
	Problems   []string        `json:"problems,omitempty"` // what could not be checked
	room       int
}

// machine is where the tests ran.
type machine struct {
	Name    string            `json:"name"`
	System  string            `json:"os"`
	Version string            `json:"version"`
	Arch    string            `json:"arch"`
	CPUs    int               `json:"cpus"`
	Details map[string]string `json:"details,omitempty"`
}

// suiteReport is what became of one package's tests.
type suiteReport struct {
	Package  string       `json:"package"`
	ExitCode int          `json:"exit_code"`
	Seconds  float64      `json:"seconds"`
	Error    string       `json:"error,omitempty"` // it could not be run, or not to its end
	Tests    []testReport `json:"tests"`
	Output   string       `json:"output,omitempty"` // of a failed package, what belongs to no test
	LeftOut  []leftOut    `json:"left_out,omitempty"`
}

type verdict string

const (
	passed     verdict = "pass"
	failed     verdict = "fail"
	skipped    verdict = "skip"
	unfinished verdict = "unfinished" // the program ended before the test did
)

// testReport is one test. Those below it count as part of it.
type testReport struct {
	Name    string  `json:"name"`
	Verdict verdict `json:"verdict"`
	Seconds float64 `json:"seconds"`
	Output  string  `json:"output,omitempty"`
}

const (
	maxTestOutput   = 16 << 10
	maxReportOutput = 4 << 20
)

// good reports that nothing failed and all could be run. A host without a user at its console skips some tests.
func (r *report) good() bool {
	if r.Totals[failed]+r.Totals[unfinished] > 0 || r.Totals[passed] == 0 {
		return false
	}
	for _, s := range r.Suites {
		if s.ExitCode != 0 || s.Error != "" {
			return false
		}
	}
	return r.AsSystem == nil || r.AsSystem.good()
}

// add takes a package's report, with as much output as there is room for.
func (r *report) add(s suiteReport) {
	for i := range s.Tests {
		r.Totals[s.Tests[i].Verdict]++
		s.Tests[i].Output = r.fit(s.Tests[i].Output)
	}
	s.Output = r.fit(s.Output)
	r.Suites = append(r.Suites, s)
}

func (r *report) fit(text string) string {
	if len(text) > r.room {
		return "[left out: the report is full]"
	}
	r.room -= len(text)
	return text
}

// write replaces the file as a whole.
func (r *report) write(path string) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	temp := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".part")
	if err := os.WriteFile(temp, append(text, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(temp, path)
}
