package agentcli

// onlyTrusted leaves it to the folder's access list, which the installation sets.
func onlyTrusted(string) error { return nil }
