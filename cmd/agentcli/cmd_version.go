package agentcli

import (
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
)

func (t tree) versionCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "version",
		Short:   "Print the version",
		Example: t.examples("version", "version --json"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if asJSON {
				return t.printVersionJSON(cmd.OutOrStdout())
			}
			return t.printVersion(cmd.OutOrStdout())
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "as one JSON object, with build details")
	return cmd
}

func (t tree) printVersion(out io.Writer) error {
	line := t.brand.Use + " " + t.brand.Version
	if t.brand.Commit != "" {
		line += " (" + strings.TrimSuffix(t.brand.Commit+", "+t.brand.Date, ", ") + ")"
	}
	_, err := fmt.Fprintln(out, line)
	return err
}

type versionInfo struct {
	Name     string `json:"name"`
	Version  string `json:"version"`
	OS       string `json:"os"`
	Arch     string `json:"arch"`
	Go       string `json:"go"`
	Revision string `json:"revision,omitempty"` // of the source, if the build knew it
	Modified bool   `json:"modified,omitempty"` // the source differed from it
	Date     string `json:"date,omitempty"`     // of the source, RFC 3339
}

func (t tree) printVersionJSON(out io.Writer) error {
	info := versionInfo{
		Name: t.brand.Use, Version: t.brand.Version,
		OS: wireOS(runtime.GOOS), Arch: wireArch(runtime.GOARCH), Go: runtime.Version(),
	}
	if build, ok := debug.ReadBuildInfo(); ok {
		for _, s := range build.Settings {
			switch s.Key {
			case "vcs.revision":
				info.Revision = s.Value
			case "vcs.modified":
				info.Modified = s.Value == "true"
			case "vcs.time":
				info.Date = s.Value
			}
		}
	}
	if t.brand.Commit != "" {
		info.Revision, info.Modified = strings.CutSuffix(t.brand.Commit, "-modified")
	}
	if t.brand.Date != "" {
		info.Date = t.brand.Date
	}
	return json.NewEncoder(out).Encode(info)
}
