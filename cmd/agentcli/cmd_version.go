package agentcli

import (
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

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
	_, err := fmt.Fprintln(out, t.brand.Use, t.brand.Version)
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
			}
		}
	}
	return json.NewEncoder(out).Encode(info)
}
