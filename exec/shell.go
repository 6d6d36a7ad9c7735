package exec

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"
)

func programs(s Shell) ([]string, error) {
	switch s {
	case Sh, Pwsh, Cmd:
		return []string{string(s)}, nil
	case PowerShell:
		return []string{string(PowerShell), string(Pwsh)}, nil
	default:
		return nil, ErrUnknownShell
	}
}

// invocation is a command line in the making.
type invocation struct {
	args   []string // without the program itself
	raw    string   // on Windows: the whole command line where the usual quoting of args would be wrong
	staged staged   // files to remove after the run
	tells  string   // the file that a PowerShell launcher writes its language mode to; empty when it is known
	shell  Shell
	path   string
}

// invoke turns a checked Spec into what the program at path is started with. It may stage files.
func (l *Local) invoke(s Spec, path string) (invocation, error) {
	inv := invocation{staged: staged{parent: l.opts.stagingDir, used: &l.staging}, shell: s.Shell, path: path}
	var err error
	switch s.Shell {
	case Sh:
		err = inv.sh(s)
	case Cmd:
		err = inv.cmd(s, path)
	default:
		err = inv.powershell(s, l.languages.known(path) == "")
	}
	if err != nil {
		l.remove(inv.staged)
	}
	return inv, err
}

func (inv *invocation) sh(s Spec) error {
	if s.File == "" && len(s.Script) <= shInlineLimit {
		// "--": a text may begin with a dash.
		inv.args = append([]string{"-c", "--", s.Script, "sh"}, s.Args...)
		return nil
	}
	file, err := inv.file(s, ".sh", func(w io.Writer) error { return writeText(w, s.Script) })
	if err != nil {
		return err
	}
	inv.args = append([]string{file}, s.Args...)
	return nil
}

func (inv *invocation) powershell(s Spec, ask bool) error {
	user, err := inv.file(s, ".ps1", func(w io.Writer) error { return writeWithBOM(w, s.Script) })
	if err != nil {
		return err
	}
	if ask {
		if inv.tells, err = inv.staged.place(".txt"); err != nil {
			return err
		}
	}
	launcher, err := inv.staged.write(".ps1", func(w io.Writer) error { return writeWithBOM(w, launcherText(user, inv.tells)) })
	if err != nil {
		return err
	}
	inv.args = append([]string{"-NoProfile", "-NonInteractive", "-ExecutionPolicy", "Bypass", "-File", launcher}, s.Args...)
	return nil
}

func (inv *invocation) cmd(s Spec, path string) error {
	text := strings.TrimRight(s.Script, "\r\n")
	if s.File == "" && cmdTakesInline(text, s.Args) {
		inv.args = append([]string{"/C", text}, s.Args...)
		inv.raw = cmdLine(path, text)
		return nil
	}
	file, err := inv.file(s, ".cmd", func(w io.Writer) error { return writeBatch(w, s.Script) })
	if err != nil {
		return err
	}
	inv.args = append([]string{"/C", file}, s.Args...)
	inv.raw, err = cmdFileLine(path, file, s.Args)
	return err
}

// file is the script's path: the caller's own file, or a staged one.
func (inv *invocation) file(s Spec, ext string, body func(io.Writer) error) (string, error) {
	if s.File == "" {
		return inv.staged.write(ext, body)
	}
	return ownFile(s)
}

// launcherText calls the user's file and leaves with its exit code. With -File, an "exit N" inside a called script would
// otherwise end that script only. After it $? is false; after a failing native command inside the script it is true. It is
// false, too, when the script was not run at all: a policy, security software or an error of syntax, which is exit code 1.
//
// Only the full language may set an encoding; in every other one the output is in the console's code page. The mode is that
// of this very file and place, which is what policies decide on.
func launcherText(userFile, tells string) string {
	const (
		mode = "$ExecutionContext.SessionState.LanguageMode"
		utf8 = "New-Object System.Text.UTF8Encoding $false; "
	)
	text := "if (" + mode + " -eq 'FullLanguage') { [Console]::OutputEncoding = " + utf8 + "$OutputEncoding = " + utf8 + "}; "
	if tells != "" {
		text += "\"$(" + mode + ")\" | Out-File -Encoding ascii -ErrorAction SilentlyContinue -LiteralPath " + psQuoted(tells) + "; "
	}
	return text + "& " + psQuoted(userFile) + " @args; if (-not $?) { if ($LASTEXITCODE) { exit $LASTEXITCODE }; exit 1 }\n"
}

func psQuoted(path string) string { return "'" + psQuotes.Replace(path) + "'" }

// PowerShell takes each of these as a single quote, and a doubled one as the character itself.
var psQuotes = strings.NewReplacer("'", "''", "\u2018", "\u2018\u2018", "\u2019", "\u2019\u2019",
	"\u201a", "\u201a\u201a", "\u201b", "\u201b\u201b")

// cmdLine hands text to cmd as it is: with /S, cmd takes away the outer quotes and nothing else.
func cmdLine(path, text string) string { return `"` + path + `" /S /C "` + text + `"` }

// cmdFileLine calls a batch file. Inside quotes only a quote and a percent sign still mean something to cmd, and there is
// no way to write them that survives in every batch file.
func cmdFileLine(path, file string, args []string) (string, error) {
	quoted := make([]string, 0, 1+len(args))
	for _, word := range append([]string{file}, args...) {
		if cmdCannotQuote(word) {
			return "", fmt.Errorf("%w: cmd takes no argument or path with a quote, percent sign or line break", ErrInvalidSpec)
		}
		quoted = append(quoted, `"`+word+`"`)
	}
	return cmdLine(path, strings.Join(quoted, " ")), nil
}

// batchExtension reports whether cmd runs the file itself rather than open it with some program.
func batchExtension(file string) bool {
	ext := filepath.Ext(file)
	return strings.EqualFold(ext, ".cmd") || strings.EqualFold(ext, ".bat")
}
