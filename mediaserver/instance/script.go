package instance

import (
	"maps"
	"slices"
	"sync"
	"time"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/script"
	"flashpod.dev/flashpod/mediaserver/session"
)

// Script is the script of an instance, which is told what happens in the owner's
// order: *script.Host. Its methods do not wait.
type Script interface {
	Connect(c script.Client, args []amf.Value)
	Leave(client string)
	Call(script.Call)
	Publish(client string, s script.StreamInfo)
	Unpublish(client string, s script.StreamInfo)
	Play(r script.PlayRequest, answer func(script.PlayAnswer))
	Stop(reason string, answer func(refused bool))
	Reload(bad error)
	Close()
	// Done is closed when the script has ended after Close.
	Done() <-chan struct{}
}

// scripted is the instance in the hands of its script: it implements script.Instance.
// What the script does becomes tasks of the owner, in order; what its clients are sent
// is encoded by the script's own goroutine, so that the owner does not have to.
type scripted struct {
	*Instance
	make func(script.Instance) Script
	host Script // used by the owner
	out  outbox // to clients

	mu     sync.Mutex // nothing else is taken while it is held
	guests map[string]*guest
	amf3   int // of them, that speak it
	rate   rate
	heard  uint64 // messages of clients that have left
	told   uint64 // and to them
	spared uint64 // of those that they were not sent

	problems problems
}

// guest is a client as its instance's script sees it. It is replaced, never changed.
type guest struct {
	peer   session.Peer
	amf3   bool
	in     bool           // it was let in
	access *script.Access // nil: all of it
	rate   *rate
	// leaving: it was told to.
	leaving bool
}

func newScripted(i *Instance, make func(script.Instance) Script) *scripted {
	s := &scripted{Instance: i, make: make, guests: map[string]*guest{}}
	s.out.turn = i.budgets.Turns.For("")
	if b := i.budgets.Answers; b != nil {
		s.out.budget = b.Within(b.Max() / 4) // what other clients are answered with stays theirs
	}
	s.host = make(s)
	return s
}

// guest is a client that is here; nil: there is none.
func (s *scripted) guest(id string) *guest {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.guests[id]
}

// change replaces what is known of a client; the owner does.
func (s *scripted) change(id string, how func(*guest)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if was := s.guests[id]; was != nil {
		is := *was
		how(&is)
		s.guests[id] = &is
	}
}

func (s *scripted) come(r session.ConnectRequest, peer session.Peer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.guests[r.ID] = &guest{peer: peer, amf3: r.AMF3, rate: &rate{}}
	if r.AMF3 {
		s.amf3++
	}
}

func (s *scripted) leave(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.guests[id]
	if g == nil {
		return
	}
	if g.amf3 {
		s.amf3--
	}
	t := g.peer.Traffic()
	s.heard, s.told, s.spared = s.heard+t.MessagesIn, s.told+t.MessagesOut, s.spared+t.Dropped.Messages()
	delete(s.guests, id)
}

// audience is all who were let in.
func (s *scripted) audience() []*guest {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.DeleteFunc(slices.Collect(maps.Values(s.guests)), func(g *guest) bool { return !g.in })
}

// count is how many clients there are.
func (s *scripted) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.guests)
}

// speakAMF3 says whether any client does.
func (s *scripted) speakAMF3() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.amf3 > 0
}

// closeTime is how long a script may take to end: its calls are stopped long before.
const closeTime = 10 * time.Second

// close has the script stop, and waits until it has.
func (s *scripted) close() {
	ended := make(chan Script, 1)
	if !s.post(func(o *owner) {
		host := s.host
		if o.stopped {
			ended <- host
			return
		}
		o.stopped = true
		late := time.AfterFunc(stopTime, func() { handOver(ended, host) })
		host.Stop(script.StopShutdown, func(bool) { late.Stop(); handOver(ended, host) })
	}) {
		return
	}
	host := <-ended
	host.Close()
	over := time.NewTimer(closeTime)
	defer over.Stop()
	select {
	case <-host.Done():
	case <-over.C:
		s.log.Error("the script does not end")
	}
}

// handOver gives what is waited for; the second time nobody waits.
func handOver[T any](to chan<- T, v T) {
	select {
	case to <- v:
	default:
	}
}
