package relay

import (
	"net/netip"
	"sync/atomic"
	"time"
)

const (
	// passTime is how long a client's packets are passed on after the last answer of the
	// server that has its session: RTCP, or an answer to a question for consent, comes every
	// few seconds. One that has died answers nothing.
	passTime = 30 * time.Second
	// maxPasses bounds the clients whose packets are passed on; of others, only binding
	// requests are.
	maxPasses = 1 << 16
	// sweepTime is how often those that are over are looked for, at most.
	sweepTime = time.Second
)

// pass is where the packets of a client go that is another server's.
type pass struct {
	to    netip.AddrPort // guarded by Relay.mu
	until atomic.Int64   // nanoseconds since 1970
}

// passOn sends a client's packet to the server that has its session.
func (r *Relay) passOn(b []byte, from, to netip.AddrPort) {
	if r.wrap(toOwner, from, b, to) == nil {
		r.passed.Add(1)
	}
}

// passedTo is the server that has the session of a client.
func (r *Relay) passedTo(client netip.AddrPort) (to netip.AddrPort, ok bool) {
	r.mu.RLock()
	p := r.passes[client]
	if p != nil {
		to = p.to
	}
	r.mu.RUnlock()
	return to, p != nil && p.until.Load() > r.opts.Now().UnixNano()
}

// pass remembers that a server has answered a client.
func (r *Relay) pass(client, owner netip.AddrPort) {
	now := r.opts.Now()
	until := now.Add(passTime).UnixNano()
	r.mu.RLock()
	p := r.passes[client]
	same := p != nil && p.to == owner
	r.mu.RUnlock()
	if same {
		p.until.Store(until)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if since := now.Sub(r.swept); since >= passTime || len(r.passes) >= r.maxPasses && since >= sweepTime {
		r.swept = now
		for at, one := range r.passes {
			if one.until.Load() <= now.UnixNano() {
				delete(r.passes, at)
			}
		}
	}
	if r.passes[client] == nil && len(r.passes) >= r.maxPasses {
		return
	}
	if w := r.byPath[path{client: client}]; w != nil {
		r.drop(w) // the client has shown a password of the other's since
	}
	p = &pass{to: owner}
	p.until.Store(until)
	r.passes[client] = p
}
