package hostfacts

import (
	"encoding/json"
	"errors"
	"fmt"
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
	// maxSection bounds the JSON of one section. 100,000 programs have about as much.
	maxSection = 32 << 20
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
	pcID string
	at   time.Time
	host facts.Host
	plan
	sections []section
	problems []wire.InventoryProblem
}

// newSurvey makes sections of what a collector returned. A section that cannot be
// made is a problem.
func newSurvey(pcID string, c collected, at time.Time, p plan) *survey {
	if c.host.Collected.IsZero() {
		c.host.Collected = at
	}
	s := &survey{pcID: pcID, at: c.host.Collected.UTC(), host: c.host, plan: p}
	s.take(c)
	for _, name := range facts.Sections() {
		if value := c.host.Section(name); value != nil {
			s.add(name, value)
		}
	}
	s.addExtra(c.host.Extra)
	s.addHw()
	s.missUnknown()
	s.add(wire.InventoryProblems, wire.InventoryProblemList{Problems: s.problems})
	return s
}

// missUnknown tells of names in the settings that nothing came of: most likely
// somebody mistyped them.
func (s *survey) missUnknown() {
	if s.empty() {
		return // that has its reason already
	}
	for _, name := range s.listed() {
		found := slices.ContainsFunc(s.sections, func(x section) bool { return x.name == name })
		told := slices.ContainsFunc(s.problems, func(p wire.InventoryProblem) bool { return p.Section == name })
		if !found && !told && name != wire.InventoryProblems {
			s.miss(name, "inventory_sections", "the settings ask for this section, and it was not found")
		}
	}
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
	data, err := marshal(value)
	if err == nil {
		err = checkSize(data)
	}
	if err != nil {
		s.miss(name, "", err.Error())
		return
	}
	hash, err := hashOf(value)
	if err != nil {
		s.miss(name, "", err.Error())
		return
	}
	s.sections = append(s.sections, section{name: name, hash: hash, messages: func(limit int) ([][]byte, error) {
		return encoded(wire.InventorySection{PCID: s.pcID, Section: name, Hash: hash, CollectedAt: s.at, Data: data}, limit)
	}})
}

func checkSize(data []byte) error {
	if len(data) > maxSection {
		return fmt.Errorf("not published: it has %d bytes of JSON, and at most %d are allowed; let the collector leave something out", len(data), maxSection)
	}
	return nil
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

// zfs is the file system whose volumes share their size, so that it is another one
// all the time.
const zfs = "zfs"

// steady is a summary without what changes on a host that nobody touches, as in
// facts.Hash.
func steady(hw wire.HwInventory) wire.HwInventory {
	hw.CollectedAt = time.Time{}
	hw.Disks = slices.Clone(hw.Disks)
	for i, d := range hw.Disks {
		hw.Disks[i].FreeBytes = 0
		if d.FileSystem == zfs {
			hw.Disks[i].SizeBytes = 0
		}
	}
	return hw
}

// firstLine is what an error says, without a stack.
func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return health.Line(line, maxProblem)
}
