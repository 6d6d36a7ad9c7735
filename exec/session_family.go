package exec

// process is one that a snapshot of the host shows. An ID is used again after the end of its process, so that only ID and
// birth together tell it from others.
type process struct {
	id, parent uint32
	born       int64 // 100 ns since 1601
}

// offspring returns those of all that descend from the known ones and are not among them, and adds them to known. A
// process whose parent's ID has since gone to a younger process is no child of that one.
func offspring(all []process, known map[uint32]process) []process {
	var found []process
	for grew := true; grew; {
		grew = false
		for _, p := range all {
			parent, ok := known[p.parent]
			if _, seen := known[p.id]; seen || !ok || p.born < parent.born {
				continue
			}
			known[p.id] = p
			found = append(found, p)
			grew = true
		}
	}
	return found
}
