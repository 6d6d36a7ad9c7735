package wire

import "time"

const (
	defaultInventory       = time.Hour
	defaultInventoryJitter = 5 * time.Minute
	minInventory           = time.Minute
)

// readInventory reads keys that releases before this one, and the reference,
// ignore whatever their values are. So one of another type is no reason to refuse
// the scope: it counts as not set.
func (c *ConfigScope) readInventory(r *reader, key string) {
	switch kind := r.peek(); {
	case key == "inventory_enabled" && (kind == 't' || kind == 'f'):
		c.InventoryEnabled = set(r, (*reader).bool)
	case kind != '"':
		r.skip()
	case key == "inventory_interval":
		c.InventoryInterval = set(r, (*reader).string)
	case key == "inventory_jitter":
		c.InventoryJitter = set(r, (*reader).string)
	case key == "inventory_sections":
		c.InventorySections = set(r, (*reader).string)
	default:
		r.skip()
	}
}

func (c *ConfigScope) encodeInventory(w *writer) {
	setTo(c.InventoryEnabled, func(b bool) { w.bool("inventory_enabled", b) })
	setTo(c.InventoryInterval, func(s string) { w.string("inventory_interval", s) })
	setTo(c.InventoryJitter, func(s string) { w.string("inventory_jitter", s) })
	setTo(c.InventorySections, func(s string) { w.string("inventory_sections", s) })
}
