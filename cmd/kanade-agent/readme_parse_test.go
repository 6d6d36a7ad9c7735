package main

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// readme is the README in its parts.
type readme struct {
	prose    string
	commands []string            // each once, as it is typed, without comment; kanade-agent is put before a verb that stands alone
	samples  []string            // blocks that show what a program says
	fences   map[string][]string // blocks by their language
}

// commandWords begin a line that is to be typed.
var commandWords = []string{
	"kanade-agent", "./kanade-agent", "go", "curl", "cp", "mkdir", "apt-get", "dnf", "msiexec", "systemctl", "systemd-run", "journalctl",
}

// verbs begin a command of kanade-agent that leaves the program's name out.
var verbs = map[string]string{
	"install": "kanade-agent ", "uninstall": "kanade-agent ", "start": "kanade-agent ", "stop": "kanade-agent ", "restart": "kanade-agent ",
	"status": "kanade-agent ", "run": "kanade-agent ", "config": "kanade-agent ", "doctor": "kanade-agent ", "completion": "kanade-agent ",
	"inventory": "kanade-agent ", "outbox": "kanade-agent ", "release": "kanade-agent ", "diag": "kanade-agent ",
	"ls": "kanade-agent outbox ", "show": "kanade-agent outbox ", "requeue": "kanade-agent outbox ", "export": "kanade-agent outbox ", "fsck": "kanade-agent outbox ",
}

// samples begin blocks that show what a program says.
var samples = []string{"agent.toml:12:", "FAIL  permission: ", "service kanade-agent "}

func readReadme(t *testing.T) readme {
	t.Helper()
	r := readme{fences: map[string][]string{}}
	lines := strings.Split(fileText(t, "README.md"), "\n")
	for len(lines) > 0 {
		switch language, fence := strings.CutPrefix(lines[0], "```"); {
		case fence:
			end := slices.Index(lines[1:], "```") + 1
			require.Positive(t, end, "the block %q has no end", lines[0])
			r.fenced(t, language, lines[1:end])
			lines = lines[end+1:]
		case strings.HasPrefix(lines[0], indent):
			end := indented(lines)
			r.indented(t, lines[:end])
			lines = lines[end:]
		default:
			r.prose += lines[0] + "\n"
			lines = lines[1:]
		}
	}
	r.inProse()
	slices.Sort(r.commands)
	r.commands = slices.Compact(r.commands)
	return r
}

// indent begins each line of a block.
const indent = "    "

// indented is how many lines belong to the block that begins lines: empty ones do
// if the block goes on after them.
func indented(lines []string) int {
	end := 1
	for i, line := range lines {
		switch {
		case strings.HasPrefix(line, indent):
			end = i + 1
		case line != "":
			return end
		}
	}
	return end
}

func (r *readme) fenced(t *testing.T, language string, lines []string) {
	t.Helper()
	if language == "sh" || language == "console" {
		r.typed(t, lines)
		return
	}
	r.fences[language] = append(r.fences[language], strings.Join(lines, "\n")+"\n")
}

// indented takes a block for commands unless it is known to be something else.
func (r *readme) indented(t *testing.T, lines []string) {
	t.Helper()
	for i := range lines {
		lines[i] = strings.TrimPrefix(lines[i], indent)
	}
	if slices.ContainsFunc(samples, func(begin string) bool { return strings.HasPrefix(lines[0], begin) }) {
		r.samples = append(r.samples, strings.Join(lines, "\n")+"\n")
		return
	}
	r.typed(t, lines)
}

// comment stands behind a command; it may name others.
var (
	comment = regexp.MustCompile(`\s+# `)
	also    = regexp.MustCompile(`^also:? (\w+(?:, \w+)*)`)
)

func (r *readme) typed(t *testing.T, lines []string) {
	t.Helper()
	for _, line := range lines {
		parts := comment.Split(strings.TrimPrefix(line, "$ "), 2)
		command := strings.TrimSpace(parts[0])
		if command == "" {
			continue
		}
		require.True(t, isCommand(command), "%q is no command that is known: see commandWords and samples", command)
		r.commands = append(r.commands, command)
		if len(parts) == 2 {
			r.behind(command, parts[1])
		}
	}
}

// behind reads "or: another command", and "also: words" in place of the last one.
func (r *readme) behind(command, comment string) {
	if other, ok := strings.CutPrefix(comment, "or: "); ok && isCommand(other) {
		r.commands = append(r.commands, other)
	}
	if words := also.FindStringSubmatch(comment); words != nil {
		for word := range strings.SplitSeq(words[1], ", ") {
			r.commands = append(r.commands, command[:strings.LastIndex(command, " ")+1]+word)
		}
	}
}

func isCommand(line string) bool {
	word, _, _ := strings.Cut(line, " ")
	return slices.Contains(commandWords, word) || strings.HasPrefix(word, "KANADE_")
}

var codeSpan = regexp.MustCompile("`([^`]+)`")

// inProse finds the commands in running text: code of two words at least.
func (r *readme) inProse() {
	for _, span := range codeSpan.FindAllStringSubmatch(r.prose, -1) {
		words := strings.Fields(span[1])
		command := strings.Join(words, " ")
		switch {
		case len(words) < 2:
		case isCommand(command):
			r.commands = append(r.commands, command)
		case verbs[words[0]] != "":
			r.commands = append(r.commands, verbs[words[0]]+command)
		}
	}
}
