package agentcli

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if !cmd.HasSubCommands() {
		return usageError(cmd, fmt.Errorf("%s takes no argument such as %s", cmd.Name(), quoted(args[0])))
	}
	return unknownVerb(cmd, args[0])
}

func unknownVerb(cmd *cobra.Command, name string) error {
	hint := ""
	if near := cmd.SuggestionsFor(name); name != "" && len(near) > 0 {
		hint = "; did you mean " + strings.Join(near, " or ") + "?"
	}
	return usageError(cmd, fmt.Errorf("unknown verb %s%s", quoted(name), hint))
}

func usageError(cmd *cobra.Command, err error) error {
	return &exitError{code: ExitUsage, err: fmt.Errorf("%w (see %s --help)", err, cmd.CommandPath())}
}

// mostUsage is how much of what was typed wrong an error repeats.
const mostUsage = 200

// flagError is in words of the command line, not of the package that parses it.
func flagError(cmd *cobra.Command, err error) error {
	text := err.Error()
	if number, ok := errors.AsType[*strconv.NumError](err); ok {
		what := "it is no whole number"
		if errors.Is(number, strconv.ErrRange) {
			what = "it is too large"
		}
		text = strings.Replace(text, number.Error(), what, 1)
	}
	text = withoutMiddle(text, mostUsage)
	if unknown, ok := errors.AsType[*pflag.NotExistError](err); ok {
		text += flagHint(cmd, unknown)
	}
	return usageError(cmd, errors.New(text))
}

// flagHint names what may have been meant. What was typed after a single dash is taken
// for letters, of which only the first is unknown.
func flagHint(cmd *cobra.Command, unknown *pflag.NotExistError) string {
	typed := unknown.GetSpecifiedName()
	if letters := unknown.GetSpecifiedShortnames(); letters != "" {
		typed, _, _ = strings.Cut(letters, "=")
	}
	if len(typed) < 2 {
		return ""
	}
	if near := nearFlags(cmd, typed); len(near) > 0 {
		return "; did you mean " + strings.Join(near, " or ") + "?"
	}
	if anyBelow(cmd, typed) {
		return "; it stands behind the verb that it is for"
	}
	return ""
}

func nearFlags(cmd *cobra.Command, typed string) (near []string) {
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			names = append(names, f.Name)
		}
	})
	if best := nearest(typed, names); best != "" {
		return []string{"--" + best}
	}
	for _, name := range names {
		if strings.HasPrefix(name, typed) || strings.HasSuffix(name, "-"+typed) {
			near = append(near, "--"+name)
		}
	}
	return near
}

// anyBelow reports whether a verb right below cmd has the flag.
func anyBelow(cmd *cobra.Command, flag string) bool {
	return slices.ContainsFunc(cmd.Commands(), func(below *cobra.Command) bool { return below.Flags().Lookup(flag) != nil })
}
