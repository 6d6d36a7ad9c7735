package agentcli

import "io/fs"

func whoMay(path string, _ fs.FileInfo) string {
	return path + " is open to SYSTEM, the administrators and its owner: run it from an elevated prompt"
}
