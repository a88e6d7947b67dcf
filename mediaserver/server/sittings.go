package server

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"path"
	"strings"
	"sync"
	"time"

	"flashpod.dev/flashpod/api/v1alpha1"
	"flashpod.dev/flashpod/mediaserver/budget"
	"flashpod.dev/flashpod/mediaserver/outlet"
)

const (
	// liveIdle is how long a viewer of a live stream may ask for nothing, which is some
	// segments, and recordedIdle the same of a recorded one, of which players fetch more
	// than they play.
	liveIdle     = 30 * time.Second
	recordedIdle = 90 * time.Second
	// barTime is for how long a viewer that an operator has ended is not let in again.
	barTime = time.Minute
	// fewSittings are so few that one address may have them all.
	fewSittings = 64
)

// sittings know which requests are of the same viewer, where a way is of many requests:
// those with the token that the first answer has carried into its playlist, and, without
// one, those from one address that have all else in common. A sitting is one viewer, from
// its first request until it has made none for a while.
type sittings struct {
	budget    *budget.Budget
	addresses *budget.Addresses
	idle      time.Duration // 0: liveIdle, or recordedIdle

	mu  sync.Mutex // nothing else is taken, and nobody called, while it is held
	all map[sittingKey]*sitting
}

// sittingKey is what a request is known by.
type sittingKey struct {
	at   usher
	way  outlet.Way
	name string // of the stream
	who  string
}

// sitting is one viewer. What is behind its token is guarded by sittings.mu.
type sitting struct {
	*webViewer
	in    *sittings
	token string

	keys     []sittingKey
	requests int         // under way
	until    time.Time   // it is kept, without one
	timer    *time.Timer // forgets it then
	over     string      // why no more requests are answered; "": they are
}

func newSittings(b *budget.Budget, docs []v1alpha1.AppInstance, idle time.Duration) *sittings {
	most := 0
	var shared []netip.Prefix
	if b != nil {
		most = max(fewSittings, int(b.Max())/2)
	}
	for i := range docs {
		shared = append(shared, sharedAddresses(&docs[i])...)
	}
	return &sittings{budget: b, addresses: budget.NewAddresses(most, shared), idle: idle, all: map[sittingKey]*sitting{}}
}

// key is what a request is known by: its token, or with "" all else that it has.
func (v *webRequest) key(token string) sittingKey {
	k := sittingKey{v.at, v.way, v.name, "token " + token}
	if token == "" {
		k.who = "like " + alikeness(v.r)
	}
	return k
}

// alikeness is what requests of a viewer have in common that was given no token.
func alikeness(r *http.Request) string {
	q := r.URL.Query()
	for name := range q {
		if name == outlet.TokenName || strings.HasPrefix(name, "_HLS_") {
			q.Del(name)
		}
	}
	host, _, _ := net.SplitHostPort(r.RemoteAddr)
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %q %q", host, r.UserAgent(), r.Header.Get("Authorization"), q.Encode()))
	return string(sum[:16])
}

// find is the sitting that a request belongs to, until rest; nil: to none that there is.
// It fails where that was ended.
func (t *sittings) find(v *webRequest) (*sitting, error) {
	token := outlet.TokenOf(v.r.URL.Query())
	key := v.key(token)
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.all[key]
	switch {
	case s == nil:
		return nil, nil
	case s.over != "":
		return nil, outlet.Refuse(http.StatusForbidden, s.over)
	case token != "" && path.Ext(v.r.URL.Path) == ".m3u8":
		t.forget(s, s.keys[1:]) // whoever else begins as it has is another
		s.keys = s.keys[:1]
	}
	s.begin()
	return s, nil
}

// begin counts a request. The caller holds sittings.mu.
func (s *sitting) begin() {
	s.requests++
	s.timer.Stop()
}

// forget has requests with some keys belong to another. The caller holds mu.
func (t *sittings) forget(s *sitting, keys []sittingKey) {
	for _, k := range keys {
		if t.all[k] == s {
			delete(t.all, k)
		}
	}
}

// begin makes a sitting of a request, which has begun in it.
func (t *sittings) begin(v *webRequest, live bool) (*sitting, error) {
	address := v.r.RemoteAddr
	if !v.operator && !t.budget.Take(1) {
		return nil, outlet.Refuse(http.StatusServiceUnavailable, "the server has as many viewers as it can tell apart: try again later")
	}
	back := func() {
		if !v.operator {
			t.budget.Give(1)
		}
	}
	if !v.operator && !t.addresses.Come(address) {
		back()
		return nil, outlet.Refuse(http.StatusServiceUnavailable, "your address has as many viewers as one may have: if it stands for many, spec.limits.sharedAddresses is to name it")
	}
	token := outlet.TokenOf(v.r.URL.Query())
	keys := []sittingKey{v.key(token)}
	if token == "" {
		token = rand.Text()[:16]
		keys = []sittingKey{v.key(token), keys[0]}
	}
	v.token = token
	s := &sitting{webViewer: v.viewer(live), in: t, token: token, keys: keys, requests: 1}
	s.timer = time.AfterFunc(time.Hour, s.expire)
	s.timer.Stop()
	s.End, s.gone = s.end, sync.OnceFunc(func() {
		s.leave()
		if !s.Operator {
			t.addresses.Go(address)
		}
		back()
	})
	if err := v.enter(s.webViewer); err != nil {
		if !v.operator {
			t.addresses.Go(address)
		}
		back()
		return nil, err
	}
	if was := t.add(s); was != nil { // another request of the same has been faster
		s.gone()
		return was, nil
	}
	return s, nil
}

// add lets requests find a sitting, unless they find another already.
func (t *sittings) add(s *sitting) (was *sitting) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if was = t.all[s.keys[len(s.keys)-1]]; was != nil && was.over == "" {
		was.begin()
		return was
	}
	for _, k := range s.keys {
		if s.over == "" { // its instance may have ended meanwhile
			t.all[k] = s
		}
	}
	return nil
}

// sending counts the file of a request with such a context, and is called when the request
// is over.
func (s *sitting) sending(ctx context.Context, file func()) func() {
	rest := func() { s.rest(outlet.HasLeft(ctx)) }
	if s.Live {
		return func() { file(); rest() }
	}
	s.files.Add(1)
	return func() {
		file()
		s.files.Add(-1)
		rest()
	}
}

// rest ends a request. left: the viewer was at an edge, which has waited for another request
// already, and has said that there was none.
func (s *sitting) rest(left bool) {
	t := s.in
	t.mu.Lock()
	s.requests--
	idle := s.requests == 0
	over := idle && s.over != ""
	switch {
	case idle && !over && left:
		over = true
		t.forget(s, s.keys)
	case idle && !over:
		s.keep(t.idleOf(s))
	}
	t.mu.Unlock()
	if over {
		s.gone()
	}
}

func (t *sittings) idleOf(s *sitting) time.Duration {
	switch {
	case t.idle > 0:
		return t.idle
	case s.Live:
		return liveIdle
	}
	return recordedIdle
}

// keep has it forgotten later. The caller holds sittings.mu.
func (s *sitting) keep(d time.Duration) {
	s.until = time.Now().Add(d)
	s.timer.Reset(d)
}

// expire forgets a sitting that rests.
func (s *sitting) expire() {
	t := s.in
	t.mu.Lock()
	rests := s.requests == 0 && !time.Now().Before(s.until)
	if rests {
		t.forget(s, s.keys)
	}
	t.mu.Unlock()
	if rests {
		s.gone()
	}
}

// end has no more requests answered: for a while, where the viewer is barred, and else
// until it begins anew. Pieces that are under way are sent to their end.
func (s *sitting) end(reason string, barred bool) {
	t := s.in
	t.mu.Lock()
	if s.over == "" {
		s.over = reason
	}
	idle := s.requests == 0
	if barred {
		s.keep(barTime)
	} else {
		t.forget(s, s.keys)
		s.timer.Stop()
	}
	t.mu.Unlock()
	s.mayNot(ended(reason, barred))
	if barred || s.Way != string(outlet.HLS) {
		s.cancel(ended(reason, barred))
	}
	if idle {
		s.gone()
	}
}

// close forgets all.
func (t *sittings) close() {
	t.mu.Lock()
	all := t.all
	t.all = map[sittingKey]*sitting{}
	t.mu.Unlock()
	for _, s := range all {
		s.timer.Stop()
		s.gone()
	}
}
