package agentcli

import "strings"

// texts is a flag that may be given several times. pflag has one, which writes its
// default as CSV when it is made: 4 KiB for each of some 150 flags at each start.
type texts []string

func (t *texts) String() string { return strings.Join(*t, ",") }

func (t *texts) Set(value string) error {
	*t = append(*t, value)
	return nil
}

// Type is a name by which completions know that the flag may be repeated.
func (*texts) Type() string { return "stringArray" }
