package hostfacts

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/kanade-go/kanade/agent/internal/health"
	"github.com/kanade-go/kanade/agent/internal/supervise"
	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/inventory/facts"
)

const (
	// maxExtra bounds the sections that a program brings along.
	maxExtra = 64
	// maxProblems and maxProblem bound the section problems: its entries, and the
	// bytes of each.
	maxProblems = 200
	maxProblem  = 300
)

// section is something to be published.
type section struct {
	name string
	hash string
	// messages encodes it for messages of at most limit bytes.
	messages func(limit int) ([][]byte, error)
}

// survey is what one collection comes to.
type survey struct {
	pcID     string
	at       time.Time
	host     facts.Host
	wanted   func(name string) bool
	sections []section
	problems []wire.InventoryProblem
}

// newSurvey makes sections of what a collector returned. A section that cannot be
// made is a problem.
func newSurvey(pcID string, c collected, at time.Time, wanted func(string) bool) *survey {
	if c.host.Collected.IsZero() {
		c.host.Collected = at
	}
	s := &survey{pcID: pcID, at: c.host.Collected.UTC(), host: c.host, wanted: wanted}
	s.take(c)
	for _, name := range facts.Sections() {
		if value := c.host.Section(name); value != nil {
			s.add(name, value)
		}
	}
	s.addExtra(c.host.Extra)
	s.addHw()
	s.add(wire.InventoryProblems, wire.InventoryProblemList{Problems: s.problems})
	return s
}

// empty: nothing of the host is known.
func (s *survey) empty() bool {
	return !slices.ContainsFunc(s.sections, func(x section) bool { return x.name != wire.InventoryProblems })
}

// take keeps what the collector says is missing.
func (s *survey) take(c collected) {
	s.problems = []wire.InventoryProblem{} // [] and not null
	for _, p := range c.host.Problems {
		s.miss(p.Section, p.Source, p.Text)
	}
	if c.err != nil && len(c.host.Problems) == 0 {
		s.miss("", "", c.err.Error())
	}
}

// miss keeps the first line of a problem: what follows is a stack, which differs
// each time.
func (s *survey) miss(name, source, text string) {
	if name != "" && name != wire.InventoryProblems && !s.wanted(name) || len(s.problems) >= maxProblems {
		return
	}
	first, _, _ := strings.Cut(text, "\n")
	s.problems = append(s.problems, wire.InventoryProblem{
		Section: health.Line(name, maxProblem), Source: health.Line(source, maxProblem), Text: health.Line(first, maxProblem),
	})
}

func (s *survey) add(name string, value any) {
	if !s.wanted(name) {
		return
	}
	hash, err := hashOf(value)
	if err != nil {
		s.miss(name, "", err.Error())
		return
	}
	s.sections = append(s.sections, section{name: name, hash: hash, messages: func(limit int) ([][]byte, error) {
		data, err := marshal(value)
		if err != nil {
			return nil, err
		}
		return encoded(wire.InventorySection{PCID: s.pcID, Section: name, Hash: hash, CollectedAt: s.at, Data: data}, limit)
	}})
}

func encoded(whole wire.InventorySection, limit int) (messages [][]byte, err error) {
	parts, err := wire.SplitInventory(whole, limit)
	for _, p := range parts {
		messages = append(messages, p.Encode())
	}
	return messages, err
}

// hashOf and marshal run code of those who brought the value along.
func hashOf(value any) (hash string, err error) {
	defer supervise.Recover(&err)
	return facts.Hash(value)
}

func marshal(value any) (data []byte, err error) {
	defer supervise.Recover(&err)
	return json.Marshal(value)
}

func (s *survey) addExtra(extra map[string]any) {
	for i, name := range slices.Sorted(maps.Keys(extra)) {
		err := checkExtra(name)
		if err == nil && i >= maxExtra {
			err = errors.New("there are too many sections")
		}
		switch {
		case err != nil:
			s.miss(name, "", "not published: "+err.Error())
		case extra[name] != nil:
			s.add(name, extra[name])
		}
	}
}

func checkExtra(name string) error {
	if slices.Contains(append(facts.Sections(), wire.InventoryHw, wire.InventoryProblems), name) {
		return errors.New("the name is taken")
	}
	return wire.ValidateInventorySection(name)
}

func (s *survey) addHw() {
	hw, ok := wire.HwOf(s.pcID, s.host)
	if !ok || !s.wanted(wire.InventoryHw) {
		return
	}
	hash, err := hashOf(steady(hw))
	if err != nil {
		s.miss(wire.InventoryHw, "", err.Error())
		return
	}
	s.sections = append(s.sections, section{name: wire.InventoryHw, hash: hash, messages: func(limit int) ([][]byte, error) {
		data := hw.Encode()
		if len(data) > limit {
			return nil, errors.New("hostfacts: the summary is larger than a message may be")
		}
		return [][]byte{data}, nil
	}})
}

// freeSteps is how finely free space counts as a change, as in facts.Hash.
const freeSteps = 10

// steady is a summary without what changes on a host that nobody touches.
func steady(hw wire.HwInventory) wire.HwInventory {
	hw.CollectedAt = time.Time{}
	hw.Disks = slices.Clone(hw.Disks)
	for i, d := range hw.Disks {
		hw.Disks[i].FreeBytes = 0
		if step := d.SizeBytes / freeSteps; step > 0 {
			hw.Disks[i].FreeBytes = d.FreeBytes / step
		}
	}
	return hw
}

// firstLine is what an error says, without a stack.
func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return health.Line(line, maxProblem)
}
