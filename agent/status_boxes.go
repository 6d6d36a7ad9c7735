package agent

import "github.com/kanade-go/kanade/outbox"

// BoxStatus is what is in one of the boxes of a [Status], by the name that
// [Boxes] gives it.
type BoxStatus struct {
	Name string
	outbox.Stats
}

// Boxes are those that the agent has, the most important first.
func (s Status) Boxes() []BoxStatus {
	boxes := []BoxStatus{{"results", s.Results}, {"events", s.Starts}, {"obs", s.Observations}}
	if s.Inventory.Box != (outbox.Stats{}) {
		boxes = append(boxes, BoxStatus{inventoryBox, s.Inventory.Box})
	}
	return boxes
}

const inventoryBox = "inventory"
