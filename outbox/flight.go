package outbox

// narrowest is how far failures shrink the window: enough that a few records
// that hang do not stop the others, few enough that a host whose stream is
// missing costs the broker almost nothing, whatever its backlog.
const narrowest = 4

// flight is the window of records being delivered. Failures halve it, successes
// double it. The index guards it.
type flight struct {
	max, width int
	count      int
	bytes      int64
}

func newFlight(window int) flight { return flight{max: window, width: window} }

// fits tells whether one more record of size bytes may start. A record larger
// than all the room there is starts alone.
func (f *flight) fits(size int64) bool {
	return f.count == 0 || f.count < f.width && f.bytes+size <= windowBytes
}

func (f *flight) begin(size int64) { f.count++; f.bytes += size }
func (f *flight) end(size int64)   { f.count--; f.bytes -= size }
func (f *flight) grow()            { f.width = min(2*f.width, f.max) }
func (f *flight) widen()           { f.width = f.max }
func (f *flight) shrink()          { f.width = max(f.width/2, min(narrowest, f.max)) }
