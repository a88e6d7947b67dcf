package script

import (
	"errors"
	"fmt"
	"hash/maphash"
	"time"

	"flashpod.dev/flashpod/mediaserver/script/engine"
	"flashpod.dev/flashpod/mediaserver/sharedobject"
)

// proxied is the far end of a shared object that another server keeps. The instance's
// own object of that name shows it to the clients that are here: what the far server
// says is done to it, and what changes here is asked of the far server, whose word is
// the last. Without a connection the object stays as it was, and what is sent is lost;
// a new connection begins with the far server's slots. Two instances that proxied each
// other's object would go on for ever where both change one slot at once: the one that
// is asked second refuses the other, which it knows by the name that both say as they
// connect. Of servers that do not say it, and of more than two in a circle, nobody knows;
// they come to rest otherwise.
//
// What it keeps is bounded by what the object here may have: of slots that are to be
// asked for those that the object has lost count as if it had them (Owes), and of what
// the far server has nothing is known but that of slots that are here or are to be asked
// for. A far server has a time for its answers (proxied_late.go).
//
// It is used in the owner's turn, but for what says otherwise.
type proxied struct {
	so   *sharedObject  // both as they were made
	nc   *engine.Object // the script's NetConnection; kept, and used by the script's goroutine
	to   farConnection  // nil: there is no connection, or the far server refuses
	url  string         // of to, without a query
	id   string         // of the instance there; "": it has not said
	left chan struct{}  // closed when to is left; nil: there is none
	// refused is the code of a status that the next event is about.
	refused string

	slots   map[string]*proxiedSlot // those that have something under way
	lost    int                     // of them, that the object does not have,
	lostLen int                     // and their names' bytes
	waiting []string                // slots that are to be asked for, in their order
	asked   int                     // slots that are asked for, without an answer
	bytes   int                     // of those
	pulling bool                    // the owner is about to look at what waits
	hearing bool                    // what the far server says is being done
	// known is what the far server has in its slots, as hashes: what it has already is
	// not asked for, and so two servers that proxy each other come to an end. It has no
	// slot that is neither in the object nor in slots.
	known map[string]uint64
	// partial: the far server may have slots of which nothing is known, as there was no
	// room for them.
	partial bool
	sent    []sentMessage // that have not come back
	patience
}

// farConnection is the connection to a far server: *rtmp.NetConnection.
type farConnection interface {
	HandleObject(name string, persistent bool, f func(*sharedobject.Message) error)
	TellObject(m *sharedobject.Message) error
	Ended() <-chan struct{}
}

// proxiedSlot is a slot that was changed here.
type proxiedSlot struct {
	dirty bool // it is to be asked for (again)
	asked bool // it is asked for, and the answer has not come
	mine  bool // the script itself has changed it
	gone  bool // while it was asked for the far server has emptied the object
	lost  bool // the object does not have it
	value sharedobject.Value
}

// sentMessage is a message that comes back from the far server as from everybody, or
// what has it empty the object.
type sentMessage struct {
	hash  uint64
	size  int
	mine  bool // the script's own, which is delivered when it comes back
	clear bool
	at    time.Time
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
			so.proxied.attach(l)
		}
	}
}

// attach has the far server asked for the object, on the script's goroutine.
func (p *proxied) attach(l *link) {
	key, to := p.so.key, l.nc
	to.HandleObject(key.Name, key.Persistent, func(m *sharedobject.Message) error { p.receive(to, m); return nil })
	left := make(chan struct{})
	p.so.use(func(OpenObject) error {
		if p.to != to {
			p.leave() // by another connection
		}
		p.reset(to)
		p.url, p.id, p.left = l.place(), l.id, left
		p.awaitUse()
		return p.tell(sharedobject.Event{Type: sharedobject.Use})
	})
	ctx := p.so.w.ctx
	go func() {
		select {
		case <-to.Ended():
		case <-left:
			return
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
func (p *proxied) reset(to farConnection) {
	if p.left != nil {
		close(p.left)
	}
	p.to, p.left, p.refused, p.pulling, p.partial = to, nil, "", false, false
	p.slots, p.known = map[string]*proxiedSlot{}, map[string]uint64{}
	p.lost, p.lostLen = 0, 0
	p.waiting, p.asked, p.bytes, p.sent = nil, 0, 0, nil
	p.patience = patience{}
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

// receive takes a message of the far server, on the goroutine that reads, which goes on
// when the owner has done what it says.
func (p *proxied) receive(from farConnection, m *sharedobject.Message) {
	for at := 0; at < len(m.Events); at += farAtOnce {
		done := p.turn(func(o OpenObject) {
			if p.to != from {
				return
			}
			p.hearing = true
			defer func() { p.hearing = false }()
			for i := at; i < min(at+farAtOnce, len(m.Events)) && p.to == from; i++ {
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

// Keeper implements FarObject.
func (p *proxied) Keeper() (id string, used bool) {
	if p.to == nil {
		return "", false
	}
	return p.id, p.used
}

// status is what the far server refuses.
func (p *proxied) status(code string) {
	p.so.failed(code, fmt.Errorf("shared object %s: %s: %w", p.so.key.Name, code, errRefused))
}
