package exec

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"unicode"
)

// startFailed marks what a security product or a policy did. A plain "access denied" can be one, or not.
func startFailed(err error) error {
	switch {
	case byPolicy(err):
		return fmt.Errorf("%w: %w", ErrBlocked, err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w: permissions, or a policy such as AppLocker, App Control or SELinux, forbid the program or its working directory", err)
	}
	return err
}

// diagnose adds what is known of PowerShell and of a script that failed.
func (l *Local) diagnose(out *Outcome, inv invocation) {
	if inv.shell == PowerShell || inv.shell == Pwsh {
		if mode := toldMode(inv.tells); mode != "" {
			l.languages.learn(inv.path, mode)
		}
		out.Language = l.languages.known(inv.path)
	}
	if out.End == EndExited && out.Code != 0 {
		out.Blocked = inv.blocked(*out)
	}
}

// blocked looks for what a host does to a script after the start.
func (inv invocation) blocked(out Outcome) string {
	if inv.staged.gone() {
		return "the staged script was gone when the shell ended: security software removed it, unless it did so itself"
	}
	for _, f := range inv.staged.files {
		if reason := refusal(out.Stderr, f.path); reason != "" {
			return reason
		}
	}
	return ""
}

const (
	harmful   = "security software refused the script as harmful (AMSI)"
	forbidden = "a policy of this host (execution policy, AppLocker or App Control) does not let PowerShell run the script"
)

// refusals are the names that Windows PowerShell gives to a refusal in every language, and the words of PowerShell 7, which
// speaks English only and leaves the names out; with what they mean.
var refusals = []struct{ says, reason string }{
	{"FullyQualifiedErrorId:ScriptContainedMaliciousContent", harmful},
	{"maliciouscontentandhasbeenblocked", harmful},
	{"FullyQualifiedErrorId:UnauthorizedAccess", forbidden},
	{"cannotbeloaded", forbidden},
}

// refusal reads what PowerShell says of a staged file. It breaks lines anywhere, so spaces and margins do not count; and only a text
// that holds the random name is about this file.
func refusal(stderr []byte, path string) string {
	text := withoutSpace(string(stderr[:min(len(stderr), maxRefusal)]))
	if !strings.Contains(text, filepath.Base(path)) {
		return ""
	}
	for _, r := range refusals {
		if strings.Contains(text, r.says) {
			return r.reason
		}
	}
	return ""
}

// maxRefusal: a refused script has printed nothing before.
const maxRefusal = 16 << 10

func withoutSpace(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || r == '|' {
			return -1
		}
		return r
	}, text)
}
