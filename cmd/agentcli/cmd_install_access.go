package agentcli

import (
	"errors"
	"fmt"
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
	switch info, err := os.Stat(dir); {
	case err == nil && !info.IsDir():
		return fmt.Errorf("%s: %w", dir, errOtherKind)
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	made, err := makeAbove(dir)
	if err == nil {
		if err = makeClosed(dir); err == nil {
			made = append(made, dir)
		}
	}
	for _, path := range made {
		i.did = append(i.did, minor("%s made, closed to other users", path))
	}
	return err
}

// errOtherKind: a path leads to something that is neither to be read nor to be closed.
var errOtherKind = errors.New("not a regular file, or not a folder where one is needed")

// closeSecrets keeps other users out of the configuration and of the secrets that it
// names. A secret that is not there yet is waited for by the agent.
func (i *installation) closeSecrets() error {
	c := i.found.config
	for _, path := range []string{i.config, c.TokenFile, c.PasswordFile, c.NKeyFile, c.CredsFile} {
		if path == "" {
			continue
		}
		if err := i.closeSecret(path); err != nil {
			return err
		}
	}
	return nil
}

func (i *installation) closeSecret(path string) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		i.warnings = append(i.warnings, path+" is not there; the agent waits for it")
		return nil
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s: %w", path, errOtherKind)
	case isClosed(path, info):
		return nil
	}
	if why := diverted(path); why != "" {
		// It may lead to another file a moment later.
		i.warnings = append(i.warnings, path+" is left as open as it is, since "+why+"; have it where only administrators write")
		return nil
	}
	changed, err := closeSecretFile(path)
	if changed && err == nil {
		i.did = append(i.did, minor("%s closed to other users", path))
	}
	return err
}

// judgePlaces: who can change the program or its configuration decides what the
// service runs; who can change where it writes, what it writes over.
func (i *installation) judgePlaces() {
	for _, path := range []string{i.program, i.config} {
		if why := replaceable(path); why != "" {
			i.warnings = append(i.warnings, "the service runs as an administrator with "+path+", and "+why+
				": whoever can change it decides what is run; have only administrators own and write it")
		}
	}
	for _, dir := range []string{i.found.config.StateDir, folderOf(i.found.config.LogFile)} {
		if dir == "" {
			continue
		}
		if why := replaceable(dir); why != "" {
			i.warnings = append(i.warnings, "the service writes as an administrator into "+dir+", and "+why+
				": whoever can change it decides what is written over; have only administrators own and write it")
		}
	}
}
