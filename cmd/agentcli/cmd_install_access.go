package agentcli

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// makeFolders makes what the agent would make, so that a start finds it closed.
func (i *installation) makeFolders() error {
	c := i.found.config
	folders := []string{c.StateDir}
	if c.LogFile != "" {
		folders = append(folders, filepath.Dir(c.LogFile))
	}
	for _, dir := range folders {
		if err := i.makeFolder(dir); err != nil {
			return err
		}
	}
	return nil
}

// makeFolder leaves one that is there as it is: it may be shared.
func (i *installation) makeFolder(dir string) error {
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	i.did = append(i.did, minor("%s made, closed to other users", dir))
	return closeFolder(dir)
}

// closeSecrets keeps other users out of the configuration and of the secrets that it
// names. A secret that is not there yet is waited for by the agent.
func (i *installation) closeSecrets() error {
	c := i.found.config
	for _, path := range []string{i.config, c.TokenFile, c.PasswordFile, c.NKeyFile, c.CredsFile} {
		if path == "" {
			continue
		}
		info, err := os.Stat(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			i.warnings = append(i.warnings, path+" is not there; the agent waits for it")
			continue
		case err != nil:
			return err
		case isClosed(info):
			continue
		}
		if err := closeFile(path); err != nil {
			return err
		}
		i.did = append(i.did, minor("%s closed to other users", path))
	}
	return nil
}

// judgePlaces: who can change the program or its configuration decides what the
// service runs.
func (i *installation) judgePlaces() {
	for _, path := range []string{i.program, i.config} {
		if why := replaceable(path); why != "" {
			i.warnings = append(i.warnings, "the service runs as an administrator with "+path+", and "+why+
				": whoever can change it decides what is run; have only administrators own and write it")
		}
	}
}
