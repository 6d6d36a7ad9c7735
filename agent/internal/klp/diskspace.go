package klp

import (
	"errors"
	"time"

	"github.com/kanade-go/kanade/agent/internal/supervise"
)

// errDiskHangs: a network disk that is away answers nobody, and cannot be called back.
var errDiskHangs = errors.New("the disk does not answer")

// space is what a disk says of itself.
type space struct {
	free, total uint64
	err         error
}

// diskProbe asks a disk that may never answer: whoever asks waits so long once, and while
// it hangs there is one goroutine, whoever asks and however often.
type diskProbe struct {
	ask    func() (free, total uint64, err error)
	asking chan space // nil: nobody is asked
}

func (p *diskProbe) space(patience time.Duration) space {
	if p.asking != nil { // it hung before, and is not waited for again
		patience = 0
	} else {
		p.begin()
	}
	select {
	case found := <-p.asking:
		p.asking = nil
		return found
	default:
	}
	select {
	case found := <-p.asking:
		p.asking = nil
		return found
	case <-time.After(patience):
		return space{err: errDiskHangs}
	}
}

func (p *diskProbe) begin() {
	answer := make(chan space, 1)
	p.asking = answer
	go func() { answer <- p.answer() }()
}

func (p *diskProbe) answer() (found space) {
	defer supervise.Recover(&found.err)
	found.free, found.total, found.err = p.ask()
	return found
}
