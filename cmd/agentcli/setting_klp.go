package agentcli

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"github.com/kanade-go/kanade/agent"
)

// klpOff is the path that stands for none.
const klpOff = "off"

// klpConfig says where programs of this host find the agent. It is not one of
// agent.Config: the library serves nobody unless it is told to.
type klpConfig struct {
	Path string // or klpOff; empty: agent.DefaultKLPPath, if the agent's user can have it
	Mode fs.FileMode
}

// klpSettings stand in [klp].
var klpSettings = []setting{
	{
		flag: "klp", env: "KANADE_KLP", key: "klp.path",
		help: "`path` of the pipe or socket for programs of this host, or " + klpOff + "; default " + agent.DefaultKLPPath,
		show: func(c hostConfig) string { return c.KLP.Path },
		set: func(c *hostConfig, v []string) error {
			c.KLP.Path = last(v)
			return c.KLP.check()
		},
	},
	{
		env: "KANADE_KLP_MODE", key: "klp.mode",
		help: "rights of the socket, in octal; default 0660",
		show: func(c hostConfig) string { return octal(c.KLP.Mode) },
		set:  func(c *hostConfig, v []string) error { return fileMode(&c.KLP.Mode, v) },
	},
}

func octal(mode fs.FileMode) string {
	if mode == 0 {
		return ""
	}
	return fmt.Sprintf("%04o", mode)
}

func fileMode(into *fs.FileMode, values []string) error {
	mode, err := strconv.ParseUint(last(values), 8, 32)
	if err != nil || fs.FileMode(mode)&^fs.ModePerm != 0 {
		return fmt.Errorf("%s is no mode such as '0660'", quoted(last(values)))
	}
	*into = fs.FileMode(mode)
	return nil
}

// check asks the agent, which does not look at the disk for that.
func (k klpConfig) check() error {
	if k.Path == klpOff || k.Path == "" {
		return nil
	}
	c := agent.DefaultConfig()
	c.ID, c.StateDir, c.Servers = "any", anyFolder(), []string{"localhost"}
	_, err := agent.New(c, agent.WithKLP(agent.KLP{Path: k.Path}))
	return err
}

// placed is where it comes to be.
func (k klpConfig) placed() klpConfig {
	switch {
	case k.Path == "" && klpPlace():
		k.Path = agent.DefaultKLPPath
	case k.Path == "":
		k.Path = klpOff
	}
	return k
}

// options make the agent serve programs of this host.
func (k klpConfig) options() []agent.Option {
	k = k.placed()
	if k.Path == klpOff {
		return nil
	}
	return []agent.Option{agent.WithKLP(agent.KLP{Path: k.Path, Mode: k.Mode})}
}

// klpPlace: who is not root has a folder for sockets only if somebody made it.
// Windows has no such numbers, and no folder.
func klpPlace() bool {
	if os.Geteuid() <= 0 {
		return true
	}
	_, err := os.Stat(filepath.Dir(agent.DefaultKLPPath))
	return err == nil
}
