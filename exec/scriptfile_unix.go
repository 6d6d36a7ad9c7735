//go:build unix

package exec

import "os"

const stagingPrefix = "kanade-agent-"

func defaultStagingDir() string { return os.TempDir() }

// makePrivateDir fails when the folder exists.
func makePrivateDir(dir string) error { return os.Mkdir(dir, 0o700) }
