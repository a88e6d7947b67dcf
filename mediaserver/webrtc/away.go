package webrtc

import (
	"errors"
	"sync"
	"time"

	"flashpod.dev/flashpod/mediaserver/session"
)

// errAway ends a publisher whose way to its instance is lost, as that of an edge to its origin,
// and does not come back.
var errAway = errors.New("the instance has not been reached for too long: what was sent meanwhile is lost")

// way is how a publisher gets to its instance. WHIP has no word for what is lost on it but the
// end of the session, at which clients come again: by a load balancer to a server that has a way,
// maybe. A loss that passes is a hole, and no end.
type way struct {
	mu   sync.Mutex  // nothing else is taken, and nobody called, while it is held
	late *time.Timer // nil: it is there
	over bool
}

// lost has then done where the way does not come back for a time.
func (w *way) lost(after time.Duration, then func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.late == nil && !w.over {
		w.late = time.AfterFunc(after, then)
	}
}

// back says that it is there again.
func (w *way) back() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.late != nil {
		w.late.Stop()
		w.late = nil
	}
}

// end says that nobody waits for it any more.
func (w *way) end() {
	w.back()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.over = true
}

// hears has a publisher hear of its way, and go on with a keyframe as soon as there is one.
func (p *publisher) hears(r *session.PublishRequest) {
	r.Interrupted = func() { p.way.lost(p.h.opts.InstanceWaits, func() { p.end(errAway) }) }
	r.Resumed = func(gap session.Gap) { // may be called by Publication.Write, with p.mu held
		p.way.back()
		p.log.Warn("what was published is lost, since the instance was not reached", "stream", r.Name, "messages", gap.Messages, "lasts", gap.Lasts)
	}
	r.KeyframeWanted = func() { p.wants.Store(true) }
}
