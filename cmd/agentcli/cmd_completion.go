package agentcli

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

// completions write a script for each shell.
var completions = []struct {
	shell string
	write func(root *cobra.Command, out io.Writer) error
}{
	{"bash", func(root *cobra.Command, out io.Writer) error { return root.GenBashCompletionV2(out, true) }},
	{"zsh", func(root *cobra.Command, out io.Writer) error { return root.GenZshCompletion(out) }},
	{"fish", func(root *cobra.Command, out io.Writer) error { return root.GenFishCompletion(out, true) }},
	{"powershell", func(root *cobra.Command, out io.Writer) error { return root.GenPowerShellCompletionWithDesc(out) }},
}

func completionShells() []string {
	var shells []string
	for _, c := range completions {
		shells = append(shells, c.shell)
	}
	return shells
}

func (t tree) completionCommand() *cobra.Command {
	return &cobra.Command{
		Use:       "completion bash|zsh|fish|powershell",
		Short:     "Print a script that completes this program's verbs and flags",
		ValidArgs: completionShells(),
		Long: fmt.Sprintf(`Prints a script that makes a shell complete verbs and flags at the tab key. For the
shell that runs now:

  bash        source <(%[1]s completion bash)      (needs bash-completion)
  zsh         source <(%[1]s completion zsh)       (after compinit)
  fish        %[1]s completion fish | source
  powershell  %[1]s completion powershell | Out-String | Invoke-Expression

Write it into a file that the shell reads at its start to have it always, such as
/etc/bash_completion.d/%[1]s or "${fpath[1]}/_%[1]s" of zsh.`, t.brand.Use),
		Example: t.examples("completion bash > /etc/bash_completion.d/%[1]s", "completion powershell | Out-String | Invoke-Expression"),
		RunE: func(cmd *cobra.Command, args []string) error {
			for _, c := range completions {
				if len(args) == 1 && args[0] == c.shell {
					return c.write(cmd.Root(), cmd.OutOrStdout())
				}
			}
			return usageError(cmd, fmt.Errorf("completion takes one of bash, zsh, fish and powershell"))
		},
	}
}
