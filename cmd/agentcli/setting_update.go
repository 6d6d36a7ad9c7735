package agentcli

import (
	"fmt"
	"slices"
	"strings"
)

// Values of update.releases.
const (
	updateOff    = "off"
	updateSigned = "signed"
	updateAny    = "any"
)

// updateConfig says by which releases the program replaces itself. It is not one of
// agent.Config: the library replaces nothing unless it is told to.
type updateConfig struct {
	Releases string // updateOff, updateSigned, updateAny; empty: see updateSettings
	Keys     string // a folder; empty: releaseKeysFolder beside the usual configuration
}

// updateSettings stand in [update].
var updateSettings = []setting{
	{
		flag: "update", env: "KANADE_UPDATE", key: "update.releases",
		help: "`which` releases the program replaces itself by: " + updateSigned + ", " + updateAny + " or " + updateOff + "; default: " + updateSigned + " if there is a key, else " + updateAny,
		show: func(c hostConfig) string { return c.Update.Releases },
		set: func(c *hostConfig, v []string) error {
			c.Update.Releases = last(v)
			return oneOf(last(v), updateSigned, updateAny, updateOff)
		},
	},
	{
		flag: "update-keys", env: "KANADE_UPDATE_KEYS", key: "update.keys",
		help: "`folder` with the public keys (*.pub) that sign releases; default: " + releaseKeysFolder + " beside the configuration's usual place",
		show: func(c hostConfig) string { return c.Update.Keys },
		set:  func(c *hostConfig, v []string) error { return absolute(&c.Update.Keys, v) },
	},
}

// oneOf takes an empty word for none.
func oneOf(word string, words ...string) error {
	if word == "" || slices.Contains(words, word) {
		return nil
	}
	return fmt.Errorf("%s is none of %s", quoted(word), strings.Join(words, ", "))
}
