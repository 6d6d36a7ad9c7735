package wire

// InventoryHint is how a dashboard shows the output of a job. An agent reads it,
// because a job with a broken one is no job, and makes nothing of it.
type InventoryHint struct {
	Display []DisplayField
	// Summary, Explode and HistoryScalars are optional; nil: not set.
	Summary        []DisplayField
	Explode        []ExplodeSpec
	HistoryScalars []string
}

// DisplayField is a column, or a table of them.
type DisplayField struct {
	Field, Label string
	Type         string         // optional
	Columns      []DisplayField // optional
}

// ExplodeSpec turns an array of the output into a table.
type ExplodeSpec struct {
	Field, Table string
	PrimaryKey   []string
	Columns      []ExplodeColumn
	TrackHistory bool
}

// ExplodeColumn is a column of such a table.
type ExplodeColumn struct {
	Field string
	Type  string // optional
	Index bool
}

// inventoryHint reads a hint; null is none.
func (r *reader) inventoryHint() *InventoryHint {
	if !r.optional() {
		return nil
	}
	h := &InventoryHint{}
	seen := r.object(func(key []byte) {
		switch string(key) {
		case "display":
			h.Display = list(r, (*reader).displayField)
		case "summary":
			h.Summary = optList(r, (*reader).displayField)
		case "explode":
			h.Explode = optList(r, (*reader).explodeSpec)
		case "history_scalars":
			h.HistoryScalars = optList(r, (*reader).string)
		default:
			r.skip()
		}
	})
	r.require(seen, "display")
	return h
}

// optList reads an array; null is nil.
func optList[T any](r *reader, item func(*reader) T) []T {
	if !r.optional() {
		return nil
	}
	return list(r, item)
}

func (r *reader) displayField() (d DisplayField) {
	seen := r.object(func(key []byte) {
		switch string(key) {
		case "field":
			d.Field = r.string()
		case "label":
			d.Label = r.string()
		case "type":
			d.Type = r.optString()
		case "columns":
			d.Columns = optList(r, (*reader).displayField)
		default:
			r.skip()
		}
	})
	r.require(seen, "field", "label")
	return d
}

func (r *reader) explodeSpec() (e ExplodeSpec) {
	seen := r.object(func(key []byte) {
		switch string(key) {
		case "field":
			e.Field = r.string()
		case "table":
			e.Table = r.string()
		case "primary_key":
			e.PrimaryKey = r.strings()
		case "columns":
			e.Columns = list(r, (*reader).explodeColumn)
		case "track_history":
			e.TrackHistory = r.bool()
		default:
			r.skip()
		}
	})
	r.require(seen, "field", "table", "primary_key", "columns")
	return e
}

func (r *reader) explodeColumn() (c ExplodeColumn) {
	seen := r.object(func(key []byte) {
		switch string(key) {
		case "field":
			c.Field = r.string()
		case "type":
			c.Type = r.optString()
		case "index":
			c.Index = r.bool()
		default:
			r.skip()
		}
	})
	r.require(seen, "field")
	return c
}

// inventoryHint writes null for none.
func (w *writer) inventoryHint(name string, h *InventoryHint) {
	if h == nil {
		w.raw(name, "null")
		return
	}
	w.open(name)
	w.displayFields("display", h.Display)
	if h.Summary != nil {
		w.displayFields("summary", h.Summary)
	}
	if h.Explode != nil {
		writeList(w, "explode", h.Explode, w.explodeSpec)
	}
	if h.HistoryScalars != nil {
		w.strings("history_scalars", h.HistoryScalars)
	}
	w.close()
}

func (w *writer) displayFields(name string, all []DisplayField) {
	writeList(w, name, all, func(d DisplayField) {
		w.string("field", d.Field)
		w.string("label", d.Label)
		w.omitString("type", d.Type)
		if d.Columns != nil {
			w.displayFields("columns", d.Columns)
		}
	})
}

func (w *writer) explodeSpec(e ExplodeSpec) {
	w.string("field", e.Field)
	w.string("table", e.Table)
	w.strings("primary_key", e.PrimaryKey)
	writeList(w, "columns", e.Columns, func(c ExplodeColumn) {
		w.string("field", c.Field)
		w.omitString("type", c.Type)
		w.bool("index", c.Index)
	})
	w.bool("track_history", e.TrackHistory)
}
