package relay

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"
)

const (
	// maxWays is by how many ways the client of a session may come: browsers try each of
	// their addresses, and keep one or two.
	maxWays = 8
	// silence is after how long without a packet the way of a session's media follows a
	// client who shows the password from another address: one who is there asks for consent
	// every five seconds [RFC 7675 §5.1], and RTCP comes more often.
	silence = 6 * time.Second
)

// path is how packets of a client come.
type path struct {
	via    netip.AddrPort // the server that the client has sent them to; none: this one
	client netip.AddrPort // as that server sees it
}

// way is a path that the client of a session has shown the password by.
type way struct {
	path                // guarded by Relay.mu
	as   netip.AddrPort // what the ICE agent has for the client's address: it stays when the path changes
	of   *session
	// also is where the client seems to have been moved to, since when: see Relay.both. Guarded
	// by Relay.mu.
	also  path
	since time.Time
	// heard is when the last packet came, in nanoseconds since 1970.
	heard atomic.Int64
}

// session is one of this server.
type session struct {
	user, password string
	ways           []*way              // guarded by Relay.mu
	used           atomic.Pointer[way] // by which the ICE agent sends media; nil: it has sent none
}

// lost says whether a client who has shown the password by a way, or is about to by one that
// is not there yet, is no longer where media goes to.
func (s *session) lost(by *way, now time.Time) bool {
	used := s.used.Load()
	return used != nil && used != by && now.Sub(time.Unix(0, used.heard.Load())) > silence
}

// Enter says that there is a session of this user name, which Name has made, until Leave.
func (r *Relay) Enter(user, password string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sessions[user] = &session{user: user, password: password}
}

// Leave forgets a session; one that is not there is none.
func (r *Relay) Leave(user string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.sessions[user]
	if s == nil {
		return
	}
	delete(r.sessions, user)
	for _, w := range slices.Clone(s.ways) {
		r.drop(w)
	}
}

// adopt makes the way of a session's client who has shown the password by a path, or moves
// the one that there is; nil: the session has ended.
func (r *Relay) adopt(s *session, p path) (*way, netip.AddrPort) {
	now := r.opts.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.sessions[s.user] != s {
		return nil, netip.AddrPort{}
	}
	if !p.via.IsValid() {
		delete(r.passes, p.client)
	}
	if w := r.byPath[p]; w != nil {
		if w.of == s && !s.lost(w, now) {
			return w, w.as
		}
		r.drop(w) // the address is another client's now, or the way is about to be that of media
	}
	for _, w := range s.ways {
		if w.client == p.client { // it was handed to another server
			return r.move(w, p)
		}
	}
	if w := s.used.Load(); s.lost(nil, now) && r.byAlias[w.as] == w { // it has not been dropped since
		return r.move(w, p)
	}
	if len(s.ways) >= maxWays {
		r.drop(slices.MinFunc(s.ways, func(a, b *way) int { return int(min(max(a.heard.Load()-b.heard.Load(), -1), 1)) }))
	}
	w := &way{path: p, as: p.client, of: s}
	w.heard.Store(now.UnixNano())
	for r.byAlias[w.as] != nil { // two networks have such an address, or a node that hides addresses
		w.as = alias(p.client.Addr().Is4())
	}
	s.ways = append(s.ways, w)
	r.byPath[p], r.byAlias[w.as] = w, w
	return w, w.as
}

// move has a way's packets go by another path.
func (r *Relay) move(w *way, p path) (*way, netip.AddrPort) {
	delete(r.byPath, w.path)
	w.path, w.also, w.since = p, path{}, time.Time{}
	r.byPath[p] = w
	return w, w.as
}

func (r *Relay) drop(w *way) {
	delete(r.byPath, w.path)
	delete(r.byAlias, w.as)
	w.of.ways = slices.DeleteFunc(w.of.ways, func(one *way) bool { return one == w })
	w.of.used.CompareAndSwap(w, nil)
}

// alias is an address that no client has: of those that are kept for nobody [RFC 1112 §4],
// or thrown away [RFC 6666].
func alias(four bool) netip.AddrPort {
	port := uint16(1 + rand.IntN(65535))
	if four {
		var b [4]byte
		binary.BigEndian.PutUint32(b[:], 0xf0000000|rand.Uint32()>>5)
		return netip.AddrPortFrom(netip.AddrFrom4(b), port)
	}
	b := [16]byte{0: 1}
	binary.BigEndian.PutUint64(b[8:], rand.Uint64())
	return netip.AddrPortFrom(netip.AddrFrom16(b), port)
}
