package agentcli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

const dataDirFlag = "data-dir"

func dataDirSetting() setting {
	i := slices.IndexFunc(plainSettings, func(s setting) bool { return s.flag == dataDirFlag })
	return plainSettings[i]
}

// stateDir finds the state folder as run does, and says where it was named. It
// needs less than a whole configuration: a tool that only looks has no use for
// the broker's address or for files with secrets, which it may not be allowed
// to read.
func (t tree) stateDir(flags flagValues) (dir, from string, err error) {
	s := dataDirSetting()
	l := &loader{surroundings: t.around, flags: flags}
	for _, p := range []place{l.fromFlags(), l.fromEnv()} {
		if dir, err := stateDirOf(s, p); dir != "" || err != nil {
			_, name, _ := strings.Cut(p.origin(s), " ")
			return dir, "from " + name, err
		}
	}
	path, err := findConfig(flags, t.around)
	if errors.Is(err, errNoConfig) {
		return t.around.dirs.data, "the default", nil
	}
	if err != nil {
		return "", "", err
	}
	file, found := readConfigFile(path, t.around.scope)
	found = slices.DeleteFunc(found, func(p problem) bool { return p.Warning })
	if err := found.err(); err != nil {
		return "", "", fmt.Errorf("%w; --%s names the state folder without it", err, dataDirFlag)
	}
	l.file = file
	if dir, err := stateDirOf(s, l.fromFile()); dir != "" || err != nil {
		return dir, "from " + path, err
	}
	return t.around.dirs.data, "the default; " + path + " names none", nil
}

func stateDirOf(s setting, p place) (string, error) {
	var c hostConfig
	values := p.value(s)
	if len(values) == 0 {
		return "", nil
	}
	if err := s.set(&c, values); err != nil {
		return "", p.problem(s, err)
	}
	return c.StateDir, nil
}

// withAccessHint says who may read a folder when this user may not.
func withAccessHint(err error, path string) error {
	if !errors.Is(err, fs.ErrPermission) {
		return err
	}
	for {
		if info, statErr := os.Stat(path); statErr == nil {
			return fmt.Errorf("%w; %s", err, whoMay(path, info))
		}
		parent := filepath.Dir(path)
		if parent == path {
			return err
		}
		path = parent
	}
}
