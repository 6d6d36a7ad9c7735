package agentcli

import "os"

// hangups never come: Windows has no such signal.
func (t tree) hangups() (<-chan os.Signal, func()) { return nil, func() {} }
