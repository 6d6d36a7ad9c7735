package wire

// Rollout is how a backend spreads the fires of a schedule over groups. An agent
// reads it and makes nothing of it.
type Rollout struct {
	// Waves in their order; the only strategy there is.
	Waves []Wave
}

// Wave is one step of a rollout.
type Wave struct {
	Group string
	// Delay is a duration as [ParseDuration] reads it, kept as it came.
	Delay string
}

var rolloutStrategies = []string{"wave"}

// rollout reads a Rollout; null is none.
func (r *reader) rollout() *Rollout {
	if !r.optional() {
		return nil
	}
	o := &Rollout{}
	seen := r.object(func(key []byte) {
		switch string(key) {
		case "strategy":
			r.enum(rolloutStrategies)
		case "waves":
			o.Waves = list(r, (*reader).wave)
		default:
			r.skip()
		}
	})
	r.require(seen, "waves")
	return o
}

func (r *reader) wave() (v Wave) {
	seen := r.object(func(key []byte) {
		switch string(key) {
		case "group":
			v.Group = r.string()
		case "delay":
			v.Delay = r.string()
		default:
			r.skip()
		}
	})
	r.require(seen, "group", "delay")
	return v
}

// list reads an array; it is never nil.
func list[T any](r *reader, item func(*reader) T) []T {
	all := []T{}
	if r.peek() != '[' {
		r.mismatch("an array")
		return all
	}
	r.array(func() { all = append(all, item(r)) })
	return all
}

func (w *writer) rollout(name string, o *Rollout) {
	if o == nil {
		return
	}
	w.open(name)
	w.string("strategy", rolloutStrategies[0])
	writeList(w, "waves", o.Waves, func(v Wave) {
		w.string("group", v.Group)
		w.string("delay", v.Delay)
	})
	w.close()
}

// writeList writes an array of objects.
func writeList[T any](w *writer, name string, all []T, members func(T)) {
	w.key(name)
	w.buf = append(w.buf, '[')
	for i, v := range all {
		if i > 0 {
			w.buf = append(w.buf, ',')
		}
		w.buf = append(w.buf, '{')
		members(v)
		w.buf = append(w.buf, '}')
	}
	w.buf = append(w.buf, ']')
}
