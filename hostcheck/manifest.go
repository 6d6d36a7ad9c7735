package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// formatVersion is that of manifest and report.
const formatVersion = 1

const manifestName = "manifest.json"

// manifest says what is in a zip file. Paths have slashes and are relative to it.
type manifest struct {
	Format   int     `json:"format"`
	System   string  `json:"os"`
	Arch     string  `json:"arch"`
	Go       string  `json:"go"`
	Revision string  `json:"revision,omitempty"`
	Server   string  `json:"server,omitempty"`
	Suites   []suite `json:"suites"`
}

// suite is the tests of one package.
type suite struct {
	Package string    `json:"package"`
	Program string    `json:"program"`
	Dir     string    `json:"dir"`
	LeftOut []leftOut `json:"left_out,omitempty"`
}

// leftOut is a test that does not run here, and why.
type leftOut struct {
	Test   string `json:"test"`
	Reason string `json:"reason"`
}

func readManifest(dir string) (manifest, error) {
	var m manifest
	data, err := os.ReadFile(filepath.Join(dir, manifestName))
	if err != nil {
		return m, fmt.Errorf("read what is to run: %w", err)
	}
	if err := json.Unmarshal(data, &m); err != nil {
		return m, fmt.Errorf("read %s: %w", manifestName, err)
	}
	if m.Format != formatVersion {
		return m, fmt.Errorf("%s has format %d, not %d: build the zip file and hostcheck from one revision", manifestName, m.Format, formatVersion)
	}
	return m, nil
}

// What a real Windows machine cannot run either, by the kinds of the list left-out of .ci/wine.
var leftOutHere = map[string]string{
	"sh": "its scripts are for sh",
	"go": "it asks the go command about the source",
}

var testName = regexp.MustCompile(`^Test[A-Za-z0-9_]*$`)

// readLeftOut reads that list: kind, package, test, reason. The answer is by package.
func readLeftOut(list io.Reader) (map[string][]leftOut, error) {
	found := make(map[string][]leftOut)
	lines := bufio.NewScanner(list)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		if len(fields) < 3 || !testName.MatchString(fields[2]) {
			return nil, fmt.Errorf("left-out: not a kind, a package and a test: %q", lines.Text())
		}
		if reason, ok := leftOutHere[fields[0]]; ok {
			found[fields[1]] = append(found[fields[1]], leftOut{Test: fields[2], Reason: reason})
		}
	}
	return found, lines.Err()
}
