package agentcli

import (
	"os"
	"path/filepath"

	"github.com/kanade-go/kanade/agent"
)

// klpOff is the path that stands for none.
const klpOff = "off"

// klpSetting says where programs of this host find the agent. It is not one of
// agent.Config: the library serves nobody unless it is told to.
var klpSetting = setting{
	flag: "klp", env: "KANADE_KLP",
	help: "`path` of the pipe or socket for programs of this host, or " + klpOff + "; default " + agent.DefaultKLPPath,
}

// klpOptions make the agent serve programs of this host. At the default place they
// do so if the agent's user can have it.
func klpOptions(flags flagValues, lookupEnv func(string) (string, bool)) []agent.Option {
	path, _ := lookupEnv(klpSetting.env)
	if given := flags.get(klpSetting.flag); len(given) > 0 {
		path = last(given)
	}
	if path == klpOff || path == "" && !klpPlace() {
		return nil
	}
	return []agent.Option{agent.WithKLP(agent.KLP{Path: path})}
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
