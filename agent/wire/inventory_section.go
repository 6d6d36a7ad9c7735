package wire

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// InventoryProblems is the section that says what of the others is missing, and
// why: an [InventoryProblemList]. An empty list says that nothing is.
const InventoryProblems = "problems"

// MaxInventoryParts is the most parts that one section is sent in.
const MaxInventoryParts = 256

// InventorySection is one message with a section of a host's inventory, or with a
// part of one. The sections are those of package inventory/facts, those that a
// program brought along, and [InventoryProblems].
//
//	{"pc_id":"PC-1","section":"sw","hash":"0f…","collected_at":"2031-03-04T05:00:00Z","part":1,"parts":1,"data":{"programs":[…]}}
//
// In a message of several parts there is a string "piece" in place of "data".
type InventorySection struct {
	PCID    string
	Section string
	// Hash is the same as long as the section says the same; see facts.Hash.
	Hash string
	// CollectedAt tells the messages of one collection from those of another.
	CollectedAt time.Time
	// Part counts from 1 to Parts. They arrive in any order.
	Part, Parts uint32
	// Data is the JSON of the section. Of several parts each has a piece of its
	// text, which is no JSON by itself; see [JoinInventory].
	Data []byte
}

// DecodeInventorySection reads a message. The error matches [ErrDecode].
func DecodeInventorySection(data []byte) (InventorySection, error) {
	r := newReader("inventory section", data)
	var s InventorySection
	seen := r.document(func(key []byte) { s.read(r, string(key)) })
	content := "data"
	if s.Parts > 1 {
		content = "piece"
	}
	r.require(seen, "pc_id", "section", "hash", "collected_at", "part", "parts", content)
	if r.err != nil {
		return InventorySection{}, r.err
	}
	return s, nil
}

func (s *InventorySection) read(r *reader, key string) {
	switch key {
	case "pc_id":
		s.PCID = r.string()
	case "section":
		s.Section = r.string()
	case "hash":
		s.Hash = r.string()
	case "collected_at":
		s.CollectedAt = r.time()
	case "part":
		s.Part = r.uint32()
	case "parts":
		s.Parts = r.uint32()
	case "data":
		r.peek()
		start := r.pos
		r.skip()
		s.Data = r.data[start:r.pos]
	case "piece":
		s.Data = []byte(r.string())
	default:
		r.skip()
	}
}

// Validate reports every problem at once, joined; each matches [ErrInvalid].
func (s InventorySection) Validate() error {
	errs := []error{
		invalid("pc_id", checkPCID(s.PCID)),
		invalid("section", checkSection(s.Section)),
		invalid("collected_at", checkTime(s.CollectedAt)),
	}
	if s.Part < 1 || s.Part > s.Parts || s.Parts > MaxInventoryParts {
		errs = append(errs, invalid("part", fmt.Errorf("%d of %d; at most %d are allowed", s.Part, s.Parts, MaxInventoryParts)))
	}
	if s.Parts == 1 && !json.Valid(s.Data) {
		errs = append(errs, invalid("data", errors.New("it is no JSON")))
	}
	return errors.Join(errs...)
}

// maxSection keeps the name of a section a short token.
const maxSection = 64

// ValidateInventorySection says why name cannot name a section: it is one token of
// a subject, of at most 64 letters and digits of ASCII, _ and -. The error matches
// [ErrInvalid].
func ValidateInventorySection(name string) error {
	return invalid("section", checkSection(name))
}

func checkSection(name string) error {
	switch {
	case name == "":
		return errors.New("it is empty")
	case len(name) > maxSection:
		return fmt.Errorf("%d bytes; at most %d are allowed", len(name), maxSection)
	}
	for i, r := range name {
		if r != '_' && consumerChar(r) == '_' {
			return fmt.Errorf("%q at byte %d is no letter or digit of ASCII, _ or -", r, i)
		}
	}
	return nil
}

// Encode writes the message as it is published.
func (s InventorySection) Encode() []byte {
	w := newWriter(256 + escaped(len(s.Data)))
	w.string("pc_id", s.PCID)
	w.string("section", s.Section)
	w.string("hash", s.Hash)
	w.time("collected_at", s.CollectedAt)
	w.uint("part", uint64(s.Part))
	w.uint("parts", uint64(s.Parts))
	if s.Parts > 1 {
		w.string("piece", string(s.Data))
		return w.end()
	}
	w.raw("data", string(s.Data))
	return w.end()
}

// InventoryProblemList is the section [InventoryProblems].
type InventoryProblemList struct {
	Problems []InventoryProblem `json:"problems"`
}

// InventoryProblem is one thing that could not be found out.
type InventoryProblem struct {
	Section string `json:"section"`          // "" is the collection as a whole
	Source  string `json:"source,omitempty"` // a file, a WMI class, a registry key
	Text    string `json:"text"`             // one line
}
