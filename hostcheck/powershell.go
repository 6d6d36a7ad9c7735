package main

import (
	"context"
	"os/exec"
	"strings"
	"time"
)

// powershell is one of the host's PowerShells, by its own account.
type powershell struct {
	Program  string `json:"program"`
	Path     string `json:"path,omitempty"`
	Version  string `json:"version,omitempty"`
	Edition  string `json:"edition,omitempty"`
	Language string `json:"language_mode,omitempty"`
	Policy   string `json:"execution_policy,omitempty"`
	CodePage string `json:"output_code_page,omitempty"`
	Error    string `json:"error,omitempty"`
}

// Each line is allowed in the constrained language too.
const askPowerShell = `"$($PSVersionTable.PSVersion)"
"$($PSVersionTable.PSEdition)"
"$($ExecutionContext.SessionState.LanguageMode)"
"$(Get-ExecutionPolicy)"
"$([Console]::OutputEncoding.CodePage)"`

func powershells(ctx context.Context) []powershell {
	var all []powershell
	for _, program := range []string{"powershell", "pwsh"} {
		all = append(all, askProgram(ctx, program))
	}
	return all
}

func askProgram(ctx context.Context, program string) powershell {
	p := powershell{Program: program}
	path, err := exec.LookPath(program)
	if err != nil {
		p.Error = err.Error()
		return p
	}
	p.Path = path
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, "-NoProfile", "-NonInteractive", "-Command", askPowerShell)
	cmd.WaitDelay = 10 * time.Second
	out, err := cmd.Output()
	if err != nil {
		p.Error = err.Error()
	}
	lines := strings.Split(strings.ReplaceAll(string(out), "\r", ""), "\n")
	for i, to := range []*string{&p.Version, &p.Edition, &p.Language, &p.Policy, &p.CodePage} {
		if i < len(lines) {
			*to = strings.TrimSpace(lines[i])
		}
	}
	if p.Version == "" && p.Error == "" {
		p.Error = "it printed no version"
	}
	return p
}
