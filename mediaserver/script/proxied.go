package script

import (
	"errors"
	"fmt"
	"hash/maphash"

	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/script/engine"
	"flashpod.dev/flashpod/mediaserver/sharedobject"
)

// proxied is the far end of a shared object that another server keeps. The instance's
// own object of that name shows it to the clients that are here: what the far server
// says is done to it, and what changes here is asked of the far server, whose word is
// the last. Without a connection the object stays as it was, and what is sent is lost;
// a new connection begins with the far server's slots. Two instances that proxy each
// other's object come to rest, unless both change one slot at once, or while they
// connect: then it goes on changing, an answer at a time.
//
// It is used in the owner's turn, but for what says otherwise.
type proxied struct {
	so *sharedObject       // both as they were made
	nc *engine.Object      // the script's NetConnection; kept, and used by the script's goroutine
	to *rtmp.NetConnection // nil: there is no connection, or the far server refuses
	// refused is the code of a status that the next event is about.
	refused string

	slots   map[string]*proxiedSlot // those that have something under way
	waiting []string                // slots that are to be asked for, in their order
	asked   int                     // slots that are asked for, without an answer
	bytes   int                     // of those
	pulling bool                    // the owner is about to look at what waits
	// known is what the far server has in its slots, as hashes: what it has already is
	// not asked for, and so two servers that proxy each other come to an end.
	known map[string]uint64
	sent  []sentMessage // that have not come back
}

// proxiedSlot is a slot that was changed here.
type proxiedSlot struct {
	dirty bool // it is to be asked for (again)
	asked bool // it is asked for, and the answer has not come
	mine  bool // the script itself has changed it
	gone  bool // while it was asked for the far server has emptied the object
	value sharedobject.Value
}

// sentMessage is a message that comes back from the far server as from everybody.
type sentMessage struct {
	hash uint64
	size int
	mine bool // the script's own, which is delivered when it comes back
}

const (
	// maxAsked and askedBytes bound what is asked for at once: the rest waits, and what
	// changes meanwhile is asked for once.
	maxAsked   = 64
	askedBytes = 128 << 10
	// maxSent and sentBytes bound messages that have not come back. More are lost.
	maxSent   = 256
	sentBytes = 256 << 10
	// farAtOnce is how many events of the far server are done in a turn of the owner.
	farAtOnce = 64
)

var hashSeed = maphash.MakeSeed()

func hashOf(v sharedobject.Value) uint64 { return maphash.Bytes(hashSeed, v.Raw) }

// linkOf is the connection to another server that SharedObject.get is given; nil:
// none is.
func linkOf(v engine.Value, name string) (*link, error) {
	if v.Object() == nil {
		return nil, nil
	}
	to, err := connectionOf(v.Object())
	if err != nil {
		return nil, err
	}
	l, ok := to.(*link)
	if !ok || l.over {
		return nil, fmt.Errorf("SharedObject.get(%q): the third argument is to be a NetConnection that was told to connect to an application by rtmp or rtmps", name)
	}
	return l, nil
}

// attachObjects gives the objects of a NetConnection what it is connected to now.
func (w *world) attachObjects(l *link) {
	for _, so := range w.objects.open {
		if so.proxied != nil && so.proxied.nc.Same(l.object) {
			so.proxied.attach(l.nc)
		}
	}
}

// attach has the far server asked for the object, on the script's goroutine.
func (p *proxied) attach(to *rtmp.NetConnection) {
	key := p.so.key
	to.HandleObject(key.Name, key.Persistent, func(m *sharedobject.Message) error { p.receive(to, m); return nil })
	p.so.use(func(OpenObject) error {
		p.reset(to)
		return p.tell(sharedobject.Event{Type: sharedobject.Use})
	})
	ctx := p.so.w.ctx
	go func() {
		select {
		case <-to.Ended():
		case <-ctx.Done():
			return
		}
		p.turn(func(OpenObject) {
			if p.to == to {
				p.reset(nil)
			}
		})
	}()
}

// reset begins anew with a connection, or without one.
func (p *proxied) reset(to *rtmp.NetConnection) {
	p.to, p.refused, p.pulling = to, "", false
	p.slots, p.known = map[string]*proxiedSlot{}, map[string]uint64{}
	p.waiting, p.asked, p.bytes, p.sent = nil, 0, 0, nil
}

// turn has f called in a turn of the owner, from any goroutine; the channel is closed
// then, or if there is no such object.
func (p *proxied) turn(f func(OpenObject)) <-chan struct{} {
	done := make(chan struct{})
	p.so.w.host.cfg.Instance.UseSharedObject(p.so.key, func(o OpenObject) {
		defer close(done)
		f(o)
	}, func(string) { close(done) })
	return done
}

// tell sends an event to the far server, and does not wait.
func (p *proxied) tell(e sharedobject.Event) error {
	if p.to == nil {
		return nil
	}
	key := p.so.key
	return p.to.TellObject(&sharedobject.Message{Name: key.Name, Persistent: key.Persistent, Events: []sharedobject.Event{e}})
}

// leave ends the use of the far object.
func (p *proxied) leave() {
	if p.to != nil {
		p.to.HandleObject(p.so.key.Name, p.so.key.Persistent, nil)
		_ = p.tell(sharedobject.Event{Type: sharedobject.Release}) // a connection that has ended has ended that, too
		p.reset(nil)
	}
}

// hear is told what a client that is here has done: the far server hears of it, and
// the script.
func (p *proxied) hear(n ObjectNews) {
	switch n.Kind {
	case ObjectCleared:
		p.clear()
	case ObjectSent:
		p.send(n.Call, false)
	default:
		p.mark(n.Name, false)
	}
	p.so.hear(n)
}

// mark has a slot asked for, as it will be then.
func (p *proxied) mark(name string, mine bool) {
	if p.to == nil {
		return
	}
	s := p.slots[name]
	if s == nil {
		s = &proxiedSlot{}
		p.slots[name] = s
	}
	s.mine = s.mine || mine
	if !s.dirty {
		s.dirty = true
		if !s.asked {
			p.waiting = append(p.waiting, name)
		}
	}
	p.pull()
}

// pull asks for what waits, in another turn.
func (p *proxied) pull() {
	if p.pulling || len(p.waiting) == 0 || p.full() {
		return
	}
	p.pulling = true
	p.turn(func(o OpenObject) {
		p.pulling = false
		for n := 0; n < farAtOnce && len(p.waiting) > 0 && !p.full(); n++ {
			name := p.waiting[0]
			p.waiting = p.waiting[1:]
			p.ask(o, name)
		}
		p.pull()
	})
}

func (p *proxied) full() bool { return p.asked >= maxAsked || p.bytes >= askedBytes }

// ask asks for a slot as it is now.
func (p *proxied) ask(o OpenObject, name string) {
	s := p.slots[name]
	if s == nil {
		return
	}
	s.dirty = false
	v, ok := o.Get(name)
	if known, its := p.known[name]; ok == its && (!ok || known == hashOf(v)) {
		p.accepted(s, name) // it is so already
		delete(p.slots, name)
		return
	}
	e := sharedobject.Event{Type: sharedobject.RequestRemove, Name: name}
	if ok {
		e = sharedobject.Event{Type: sharedobject.RequestChange, Name: name, Value: v}
	}
	s.asked, s.gone, s.value = true, false, v
	p.asked++
	p.bytes += len(v.Raw)
	_ = p.tell(e) // what cannot be sent ends with its connection
}

// accepted tells the script that what it has asked for is so.
func (p *proxied) accepted(s *proxiedSlot, name string) {
	if s.mine {
		p.so.hear(ObjectNews{Kind: objectAccepted, Name: name})
	}
	s.mine = false
}

// answered notes that a slot is asked for no more, and has it asked for again if it has
// changed meanwhile.
func (p *proxied) answered(s *proxiedSlot, name string) {
	p.asked--
	p.bytes -= len(s.value.Raw)
	s.asked, s.value = false, sharedobject.Value{}
	if s.dirty {
		p.waiting = append(p.waiting, name)
	} else {
		delete(p.slots, name)
	}
	p.pull()
}

// clear has the far server empty the object.
func (p *proxied) clear() {
	if p.to != nil && len(p.known) > 0 {
		_ = p.tell(sharedobject.Event{Type: sharedobject.Clear})
	}
}

// send sends a message to all, by way of the far server. The script's own is delivered
// here when it comes back; a client's has been.
func (p *proxied) send(call sharedobject.Value, mine bool) {
	if p.to == nil {
		return
	}
	held := len(call.Raw)
	for _, m := range p.sent {
		held += m.size
	}
	if len(p.sent) >= maxSent || held > sentBytes {
		p.so.failed("SharedObject.Failed", fmt.Errorf("shared object %s: a message is lost: the server that keeps the object does not keep up", p.so.key.Name))
		return
	}
	p.sent = append(p.sent, sentMessage{hashOf(call), len(call.Raw), mine})
	_ = p.tell(sharedobject.Event{Type: sharedobject.SendMessage, Value: call})
}

// receive takes a message of the far server, on the goroutine that reads, which goes on
// when the owner has done what it says.
func (p *proxied) receive(from *rtmp.NetConnection, m *sharedobject.Message) {
	for at := 0; at < len(m.Events); at += farAtOnce {
		done := p.turn(func(o OpenObject) {
			if p.to != from {
				return
			}
			for i := at; i < min(at+farAtOnce, len(m.Events)); i++ {
				if err := p.event(o, &m.Events[i], m.Events[i+1:]); err != nil {
					p.so.failed("SharedObject.Failed", err)
				}
			}
		})
		select {
		case <-done:
		case <-from.Ended():
			return
		case <-p.so.w.ctx.Done():
			return
		}
	}
}

var errRefused = errors.New("the server that keeps it refuses")

// status is what the far server refuses.
func (p *proxied) status(code string) {
	p.so.failed(code, fmt.Errorf("shared object %s: %s: %w", p.so.key.Name, code, errRefused))
}
