package agent

// lossyLog is an ability of a logger's handler: it does not wait for what it cannot
// write, and counts it.
type lossyLog interface {
	// DroppedLines is how many lines are missing in the log since the start.
	DroppedLines() uint64
}

// droppedLogLines is zero for a handler that cannot tell.
func (a *Agent) droppedLogLines() uint64 {
	if h, ok := a.log.Handler().(lossyLog); ok {
		return h.DroppedLines()
	}
	return 0
}
