package relay

import (
	"errors"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

var (
	errTooLong = errors.New("the packet is too long to be passed on")
	errNoKey   = errors.New("there is no key")
)

// Options of a relay; all but Now and Web are required.
type Options struct {
	// Address is where the other servers reach the port of this one: an address of its own,
	// behind no load balancer. Web is the port of HTTP there.
	Address netip.AddrPort
	Web     uint16
	// Keys are those that the servers have in common: the first is shown, and who shows any
	// of them is believed. It returns the same slice until they change.
	Keys func() [][]byte
	// Send sends a packet from the port. It must not keep it.
	Send func(b []byte, to netip.AddrPort) error
	// Now is the time; nil: that of the machine.
	Now func() time.Time
}

// Relay decides what becomes of the packets of a port. All methods may be called from any
// goroutine.
type Relay struct {
	opts     Options
	self     [18]byte // Address, as in a wrapper
	names    sums
	wrappers sums
	count    atomic.Uint64 // of wrappers that were made
	windows
	asked asked

	passed, answered, refused atomic.Uint64

	mu       sync.RWMutex // nothing else is taken, and nothing sent, while it is held
	sessions map[string]*session
	byPath   map[path]*way
	byAlias  map[netip.AddrPort]*way
	passes   map[netip.AddrPort]*pass
	swept    time.Time

	maxPasses int // as the constant; tests have fewer
}

// New makes a relay.
func New(opts Options) *Relay {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	opts.Address = plain(opts.Address)
	r := &Relay{
		opts: opts, names: sums{use: forNames, keys: opts.Keys}, wrappers: sums{use: forWrappers, keys: opts.Keys},
		sessions: map[string]*session{}, byPath: map[path]*way{}, byAlias: map[netip.AddrPort]*way{}, passes: map[netip.AddrPort]*pass{},
		maxPasses: maxPasses,
	}
	appendAddress(r.self[:0], opts.Address)
	r.count.Store(firstCount(opts.Now()))
	return r
}

// Counts are packets since the beginning.
type Counts struct {
	Passed   uint64 // of clients, to the servers that have their sessions
	Answered uint64 // of such servers, to clients
	Refused  uint64 // of nobody that is known here, and wrappers that lie
}

// Counts is how many packets were passed on, and how many were not.
func (r *Relay) Counts() Counts {
	return Counts{Passed: r.passed.Load(), Answered: r.answered.Load(), Refused: r.refused.Load()}
}

// In takes a packet that has come to the port. One that is for a session of this server is
// returned, as part of b, with the address that its client has for the ICE agent; with any
// other it does what is to be done.
func (r *Relay) In(b []byte, from netip.AddrPort) (packet []byte, as netip.AddrPort, mine bool) {
	if Wrapped(b) {
		return r.wrapped(b)
	}
	from = plain(from)
	if isRequest(b) {
		return r.request(path{client: from}, b)
	}
	if as, ok := r.known(path{client: from}); ok {
		return b, as, true
	}
	if to, ok := r.passedTo(from); ok {
		r.passOn(b, from, to)
		return nil, netip.AddrPort{}, false
	}
	if isMedia(b) {
		if as, mine = r.lookFor(from); mine {
			return b, as, true
		}
	}
	r.refused.Add(1)
	return nil, netip.AddrPort{}, false
}

// wrapped takes what another server has sent.
func (r *Relay) wrapped(b []byte) (packet []byte, as netip.AddrPort, mine bool) {
	w, ok := r.open(b)
	switch {
	case !ok || Wrapped(w.packet) || w.sender == r.opts.Address:
	case w.kind == toClient:
		r.pass(w.client, w.sender)
		if r.opts.Send(w.packet, w.client) == nil {
			r.answered.Add(1)
		}
		return nil, as, false
	case w.kind == asks:
		r.tells(w.sender, w.client)
		return nil, as, false
	case w.kind == has:
		if _, here := r.known(path{client: w.client}); !here { // it has not come with a check since
			r.pass(w.client, w.sender)
		}
		return nil, as, false
	case isRequest(w.packet):
		return r.request(path{via: w.sender, client: w.client}, w.packet)
	default:
		from := path{via: w.sender, client: w.client}
		as, mine = r.known(from)
		if !mine && isMedia(w.packet) { // it was passed on before, and is again
			as, mine = r.both(from)
		}
		if mine {
			return w.packet, as, true
		}
	}
	r.refused.Add(1)
	return nil, as, false
}

// request takes a binding request. One that has come from a client, and is for another
// server, goes there.
func (r *Relay) request(p path, b []byte) (packet []byte, as netip.AddrPort, mine bool) {
	user := ownHalf(b)
	r.mu.RLock()
	s, w := r.sessions[string(user)], r.byPath[p]
	if w != nil {
		as = w.as
	}
	r.mu.RUnlock()
	switch {
	case s == nil:
		if to, ok := r.owner(user); ok && to != r.opts.Address && !p.via.IsValid() {
			r.passOn(b, p.client, to)
			return nil, netip.AddrPort{}, false
		}
		r.refused.Add(1)
		return nil, netip.AddrPort{}, false
	case w == nil || w.of != s || s.lost(w, r.opts.Now()):
		if !authentic(b, s.password) {
			r.refused.Add(1)
			return nil, netip.AddrPort{}, false
		}
		if w, as = r.adopt(s, p); w == nil {
			return nil, netip.AddrPort{}, false
		}
	}
	w.heard.Store(r.opts.Now().UnixNano())
	return b, as, true
}

// known is the alias of a client whose packet, which is no request, has come by a way.
func (r *Relay) known(p path) (as netip.AddrPort, ok bool) {
	now := r.opts.Now()
	r.mu.RLock()
	w := r.byPath[p]
	proved := w != nil
	if !proved {
		if w = r.byAlias[p.client]; w != nil && !w.takes(p, now) {
			w = nil
		}
	}
	if w != nil {
		as = w.as
	}
	r.mu.RUnlock()
	if proved {
		w.heard.Store(now.UnixNano())
	}
	return as, w != nil
}

// Write sends a packet of the ICE agent to a client, by its alias, on the way that its last
// request has come. One that has no way gets nothing.
func (r *Relay) Write(b []byte, to netip.AddrPort) (int, error) {
	r.mu.RLock()
	w := r.byAlias[plain(to)]
	var p, also path
	if w != nil {
		p = w.path
		if w.also.client.IsValid() && w.takes(w.also, r.opts.Now()) {
			also = w.also
		}
	}
	r.mu.RUnlock()
	if w == nil {
		return len(b), nil
	}
	if len(b) > 0 && b[0] > 3 && w.of.used.Load() != w { // no STUN
		w.of.used.Store(w)
	}
	if also.client.IsValid() {
		_ = r.sendBy(also, b) // nobody has proved that the client is there
	}
	if err := r.sendBy(p, b); err != nil {
		return 0, err
	}
	return len(b), nil
}

// sendBy sends a packet to the client of a path.
func (r *Relay) sendBy(p path, b []byte) error {
	if p.via.IsValid() {
		return r.wrap(toClient, p.client, b, p.via)
	}
	return r.opts.Send(b, p.client)
}
