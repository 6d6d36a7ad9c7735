package outbox

import "sync"

// pool runs functions in up to max goroutines, which live as long as there is
// something to do.
type pool struct {
	max int

	mu      sync.Mutex
	queue   []func()
	running int
	ended   *sync.Cond // a goroutine has; made with the first wait
}

func (p *pool) do(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.queue = append(p.queue, f)
	if p.running < p.max {
		p.running++
		go p.run()
	}
}

func (p *pool) run() {
	for f := p.next(); f != nil; f = p.next() {
		f()
	}
}

// next returns nil when the goroutine that asks has to end.
func (p *pool) next() func() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.queue) == 0 {
		p.running--
		if p.ended != nil {
			p.ended.Broadcast()
		}
		return nil
	}
	f := p.queue[0]
	p.queue[0] = nil
	p.queue = p.queue[1:]
	return f
}

// wait returns when nothing is left to do and no goroutine runs.
func (p *pool) wait() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended == nil {
		p.ended = sync.NewCond(&p.mu)
	}
	for p.running > 0 {
		p.ended.Wait()
	}
}
