package edge

import (
	"errors"
	"sync"

	"flashpod.dev/flashpod/mediaserver/link"
	"flashpod.dev/flashpod/mediaserver/session"
	"flashpod.dev/flashpod/mediaserver/sharedobject"
)

// maxUses is how many shared objects of a client are remembered.
const maxUses = 4096

// uses are the shared objects that a client uses, as it has asked for them. When the link
// is there again they are asked for anew, as by a client that has a version of them, and is
// told what has changed since. Of an object that lived in memory a version says nothing, as
// that has begun anew, and what was denied meanwhile the client has not: then it is told all
// that there is. What of that goes over the link again, see replicas.lost.
type uses struct {
	c *remote

	mu   sync.Mutex // nothing else is taken, and nobody called, while it is held
	list []use
	kept bool // by the client: see remote.keep
	full bool // some are not remembered
}

// use is one of them.
type use struct {
	name       string
	persistent bool
	form       sharedobject.Form
	has        uint32 // the version that the client has of it since the link was lost; 0: none that is known
}

// see notes what a message says of the client's uses.
func (u *uses) see(r *session.SharedObjectRequest) {
	u.mu.Lock()
	begins := false
	for _, e := range r.Message.Events {
		switch e.Type {
		case sharedobject.Use:
			u.remove(r.Message)
			if len(u.list) == maxUses {
				u.full = true
				continue
			}
			u.list = append(u.list, use{name: r.Message.Name, persistent: r.Message.Persistent, form: r.Form})
			begins, u.kept = begins || !u.kept, true
		case sharedobject.Release:
			u.remove(r.Message)
		}
	}
	u.mu.Unlock()
	if begins {
		u.c.keep(u)
	}
}

// remove forgets one. The caller holds mu.
func (u *uses) remove(m *sharedobject.Message) {
	for i, one := range u.list {
		if one.name == m.Name && one.persistent == m.Persistent {
			u.list = append(u.list[:i:i], u.list[i+1:]...)
			return
		}
	}
}

// knows notes which version the client has of an object that persists; 0: what it has is not
// known.
func (u *uses) knows(name string, version uint32) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for i := range u.list {
		if one := &u.list[i]; one.persistent && one.name == name {
			one.has = version
		}
	}
}

// lost implements lasting.
func (u *uses) lost() {}

// resume implements lasting.
func (u *uses) resume() {
	u.mu.Lock()
	all, full := append([]use(nil), u.list...), u.full
	u.mu.Unlock()
	if full {
		u.c.peer.Shutdown("The link to the origin was lost, and the client uses more shared objects than are remembered.")
		return
	}
	for _, one := range all {
		m := sharedobject.Message{Name: one.name, Persistent: one.persistent, Version: one.has, Events: []sharedobject.Event{{Type: sharedobject.Use}}}
		u.c.object(&m, one.form, func(error) {}, func() {})
	}
}

// denied tells a client that what it has asked to change is not, since there is no link:
// each slot is said to be none until there is one, and what it has then follows.
func (c *remote) denied(r *session.SharedObjectRequest) {
	m := sharedobject.Message{Name: r.Message.Name, Persistent: r.Message.Persistent, Version: r.Message.Version}
	for _, e := range r.Message.Events {
		switch e.Type {
		case sharedobject.Use, sharedobject.Release: // it is remembered
		case sharedobject.RequestChange, sharedobject.RequestRemove:
			m.Events = append(m.Events, sharedobject.Failed(sharedobject.CodeNoWriteAccess), sharedobject.Event{Type: sharedobject.Remove, Name: e.Name})
		default:
			m.Events = append(m.Events, sharedobject.Failed(sharedobject.CodeNoWriteAccess))
		}
	}
	if len(m.Events) > 0 {
		c.uses.knows(m.Name, 0)
		c.peer.Tell(sharedobject.Update{Flex: r.Form.Flex, Payload: m.Encode(r.Form.AMF3)}, nil)
	}
}

// SharedObject implements session.Instance.
func (c *remote) SharedObject(r session.SharedObjectRequest, done func()) {
	c.uses.see(&r)
	c.object(r.Message, r.Form, func(err error) {
		if !errors.Is(err, errLeft) {
			c.denied(&r)
		}
		done()
	}, done)
}

// object sends a message about a shared object to the origin.
func (c *remote) object(m *sharedobject.Message, form sharedobject.Form, lost func(error), done func()) {
	const format = 1 // the byte that a message of type 16 begins with
	body := link.SharedObjectBody{Message: m.Encode(true)[format:], Flex: form.Flex, AMF3: form.AMF3}
	c.ask(link.SharedObject, body, &question{
		answer: func(*link.Record) error { done(); return nil },
		lost:   lost,
		silent: true,
	})
}
