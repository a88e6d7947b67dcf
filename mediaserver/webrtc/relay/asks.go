package relay

import (
	"net/netip"
	"sync"
	"time"
)

// Media that comes from an address which is nobody's here is a stranger's, or that of a client
// whom the load balancer has moved: whose it is only its next check says, seconds later. The
// other servers are asked until then. Nobody has proved anything by it, so that nothing is moved:
// the owner takes what comes that way, which the session's own keys authenticate, and sends what
// it has by both, for a while. Who forges a client's address gets no more than that.

const (
	// askTime is how often it may be asked about an address, and maxAsked about how many in such
	// a time: strangers pay for nothing.
	askTime  = 5 * time.Second
	maxAsked = 1024
	// maxAskedOf is how many servers are asked at once, and heardTime how lately they were heard
	// of. Who passes packets on, or has them passed, is heard of all the time.
	maxAskedOf = 16
	heardTime  = 5 * time.Minute
	// bothTime is how long an owner sends by both: longer than checks are apart. It does so
	// again behind bothAgain at the earliest.
	bothTime  = silence
	bothAgain = passTime
)

// asked are the addresses about which others were asked lately.
type asked struct {
	mu    sync.Mutex // nothing else is taken while it is held
	since time.Time
	of    map[netip.AddrPort]struct{}
}

// may says whether others may be asked about a client, and remembers that they were.
func (a *asked) may(client netip.AddrPort, now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.of == nil || now.Sub(a.since) >= askTime {
		a.of, a.since = map[netip.AddrPort]struct{}{}, now
	}
	if _, was := a.of[client]; was || len(a.of) >= maxAsked {
		return false
	}
	a.of[client] = struct{}{}
	return true
}

// isMedia says whether a packet is one of SRTP or SRTCP [RFC 7983 §7].
func isMedia(b []byte) bool { return len(b) > 0 && b[0] >= 128 && b[0] < 192 }

// lookFor takes media of a client who is not known to have come by this server. A session of
// this server's is returned as by In; others are asked.
func (r *Relay) lookFor(client netip.AddrPort) (as netip.AddrPort, mine bool) {
	if as, mine = r.both(path{client: client}); mine {
		return as, true
	}
	now := r.opts.Now()
	if !r.asked.may(client, now) {
		return as, false
	}
	for _, other := range r.heard(now) {
		_ = r.wrap(asks, client, nil, other) // its next check will say the same
	}
	return as, false
}

// tells answers another server that has asked about a client.
func (r *Relay) tells(server, client netip.AddrPort) {
	if _, ok := r.both(path{via: server, client: client}); ok {
		_ = r.wrap(has, client, nil, server)
	}
}

// both has packets for a client go by another path as well, and those that come by it taken, if
// it is that of a session here.
func (r *Relay) both(p path) (as netip.AddrPort, ok bool) {
	r.mu.RLock()
	_, there := r.byAlias[p.client]
	r.mu.RUnlock()
	if !there {
		return as, false
	}
	now := r.opts.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	w := r.byAlias[p.client]
	switch {
	case w == nil || w.client != p.client || w.path == p:
		return as, false
	case w.takes(p, now):
	case now.Sub(w.since) < bothAgain:
		return as, false
	default:
		w.also, w.since = p, now
	}
	return w.as, true
}

// takes says whether a path is one that a client seems to have been moved to. The caller holds
// Relay.mu.
func (w *way) takes(p path, now time.Time) bool {
	return w.also == p && now.Sub(w.since) < bothTime
}

// heard are servers that were heard of lately, some of them.
func (w *windows) heard(now time.Time) (all []netip.AddrPort) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for sender, one := range w.of {
		if now.Sub(one.at) < heardTime {
			all = append(all, sender)
		}
		if len(all) == maxAskedOf {
			break
		}
	}
	return all
}
