package wire

// EmitType is what becomes of a script's output. The zero value is
// [EmitEvents].
type EmitType uint8

// EmitEvents makes an [ObsEvent] of each line of output.
const EmitEvents EmitType = iota

var emitNames = []string{"events"}

// String returns the name on the wire.
func (t EmitType) String() string { return enumName("emit", emitNames, uint8(t)) }

// EmitConfig asks for a script's output to be sent as something else than text.
// Its unknown keys are an error, as those of a [Manifest] are.
type EmitConfig struct {
	Type EmitType
	// WatermarkPath is for the script; the agent ignores it. Optional.
	WatermarkPath string
}

func (e *EmitConfig) validate() error {
	if e == nil {
		return nil
	}
	if err := checkEnum(emitNames, uint8(e.Type)); err != nil {
		return invalid("emit type", err)
	}
	return checkText("watermark_path", e.WatermarkPath)
}

// emit reads an EmitConfig; null is none.
func (r *reader) emit() *EmitConfig {
	if !r.optional() {
		return nil
	}
	e := &EmitConfig{}
	seen := r.object(func(key []byte) {
		switch string(key) {
		case "type":
			e.Type = EmitType(r.enum(emitNames))
		case "watermark_path":
			e.WatermarkPath = r.optString()
		default:
			r.failf("expected no other key than type and watermark_path")
			r.skip()
		}
	})
	r.require(seen, "type")
	return e
}

func (w *writer) emit(name string, e *EmitConfig) {
	if e == nil {
		return
	}
	w.open(name)
	w.string("type", e.Type.String())
	w.omitString("watermark_path", e.WatermarkPath)
	w.close()
}
