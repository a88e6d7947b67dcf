package script

import "sync/atomic"

const (
	// maxUnsettled is how much a script may have asked of its instance that the owner
	// has not done, and settleEvery how often the owner is asked to say so.
	maxUnsettled = 256
	settleEvery  = 32
)

// pace holds a script back that asks more of its instance than that does: the owner
// has others to serve, and what waits for it takes memory.
type pace struct {
	asked   int64 // used by the world's goroutine
	settled *atomic.Int64
	more    chan struct{} // of capacity one: something was settled
}

func newPace() pace { return pace{settled: &atomic.Int64{}, more: make(chan struct{}, 1)} }

// instance is what the world's goroutine asks something of. It waits while too much is
// on its way there, no longer than the script waits for anything: then the time of the
// call is all but over.
func (w *world) instance() Instance {
	p, i := &w.pace, w.host.cfg.Instance
	p.asked++
	if n := p.asked; n%settleEvery == 0 {
		settled, more := p.settled, p.more
		i.Settle(func() {
			settled.Store(n)
			select {
			case more <- struct{}{}:
			default:
			}
		})
	}
	if p.asked-p.settled.Load() <= maxUnsettled {
		return i
	}
	ctx, cancel := w.patience()
	defer cancel()
	for p.asked-p.settled.Load() > maxUnsettled {
		select {
		case <-p.more:
		case <-ctx.Done():
			return i
		}
	}
	return i
}
