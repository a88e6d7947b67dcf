package instance

import (
	"fmt"

	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/session"
	"flashpod.dev/flashpod/mediaserver/sharedobject"
)

const (
	// perObject is what an object without slots costs, and perUse one client's use
	// of it, in bytes.
	perObject = 1 << 10
	perUse    = 1 << 10
	// maxUses bounds the objects that one client uses at once.
	maxUses = 256
)

// objectKey names a shared object: persistent and transient ones are two worlds.
type objectKey struct {
	name       string
	persistent bool
}

// object is a shared object in use. It belongs to the owner, but for its feed.
type object struct {
	*sharedobject.Object
	key     objectKey
	by      *maker // who has made it; nil: the server's own code
	address string // of who has
	feed    *sharedobject.Feed
	// users are its subscribers by client, and kept says how often the server's
	// own code holds it.
	users  map[string]*use
	kept   int
	script *scriptUse // the script's, which is one of kept; nil: it does not use it
	// foreign says that what it has is another server's, which keeps it: a file of that
	// name stays as it is.
	foreign bool
	stored
}

// used says whether a client or the server's own code uses it, or has it locked.
func (obj *object) used() bool { return len(obj.users) > 0 || obj.kept > 0 || obj.Locked() }

// use is a client's use of an object.
type use struct {
	object *object
	by     *maker // whose it is
	form   sharedobject.Form
	sub    *sharedobject.Subscription
	server string // the instance that the client says it is; "": none
}

// newObject makes an object that nobody uses yet, for a client or, without an ID, the
// server's own code, or says why not.
func (o *owner) newObject(key objectKey, c session.Client) (*object, string) {
	rules := o.rules.Load().Objects
	switch {
	case o.closing:
		return nil, string(session.RefusedStopping)
	case rules.Max > 0 && len(o.objects) >= rules.Max:
		return nil, limitObjects
	}
	by, why := o.mayMake(c)
	if why != "" {
		return nil, why
	}
	inst := o.Instance
	obj := &object{
		Object: sharedobject.NewObject(key.name, key.persistent, rules.limits(), by.budget(o)),
		key:    key, by: by, address: c.Address, users: map[string]*use{},
	}
	obj.feed = sharedobject.NewFeed(key.name, key.persistent, sharedobject.FeedConfig{
		Ask: func(s *sharedobject.Subscription, known sharedobject.Cursor) {
			_ = inst.post(func(*owner) { obj.feed.State(s, obj.Piece(known, sharedobject.MaxMessage)) })
		},
		Budget: o.budgets.Queues, // slots come first: who is not told can be told later
		Turn:   o.budgets.Turns.For(""),
		Lost:   func(n int) { inst.seen.lostSends.Add(uint64(n)) },
		Unpaid: endUnpaid,
	})
	o.objects[key] = obj
	o.seen.objects.Add(1)
	if key.persistent && inst.objectStore != nil {
		o.load(obj, c.Address)
	}
	return obj, ""
}

var errUnpaid = fmt.Errorf("%w: answers about shared objects that the client does not take", rtmp.ErrUsedUp)

// endUnpaid ends the connection of a client that no budget pays for any more.
func endUnpaid(s sharedobject.Subscriber) {
	if p, ok := s.(session.Peer); ok {
		p.Fail(errUnpaid)
	}
}

// join has a client hear of an object, from its state on, or says why no budget pays
// for it.
func (o *owner) join(obj *object, c session.Client, peer session.Peer, form sharedobject.Form, version uint32) (why string) {
	client := c.ID
	u := obj.users[client]
	if u == nil {
		by, why := o.mayUse(c, perUse)
		if why != "" {
			return why
		}
		o.seen.uses.Add(1)
		u = &use{obj, by, form, o.subscribe(obj, c, peer, form).Within(by.queue()), c.Server}
		obj.users[client] = u
		if o.uses[client] == nil {
			o.uses[client] = map[objectKey]*use{}
		}
		o.uses[client][obj.key] = u
	}
	obj.Again(u.sub)
	tell := obj.feed.Join
	if u.form != form {
		u.form = form
		tell = func(s *sharedobject.Subscription, first []sharedobject.Event, p sharedobject.Piece) {
			obj.feed.JoinAs(s, form, first, p)
		}
	}
	first := []sharedobject.Event{{Type: sharedobject.UseSuccess}}
	if obj.key.persistent {
		if known, ok := obj.Since(version); ok {
			tell(u.sub, first, obj.Join(known))
			return ""
		}
	}
	// A transient object of the same name may have been another one.
	first = append(first, sharedobject.Event{Type: sharedobject.Clear})
	tell(u.sub, first, obj.Join(obj.Begin()))
	return ""
}

// subscribe makes a client's subscription. What comes of its requests is told in the
// turn of its address.
func (o *owner) subscribe(obj *object, c session.Client, peer session.Peer, form sharedobject.Form) *sharedobject.Subscription {
	sub := sharedobject.NewSubscription(obj.feed, peer, form)
	sub.TellIn(o.budgets.Turns.For(c.Address))
	return sub
}

// releaseObject ends a client's use of an object.
func (o *owner) releaseObject(client string, key objectKey) {
	u := o.uses[client][key]
	if u == nil {
		return
	}
	if delete(o.uses[client], key); len(o.uses[client]) == 0 {
		delete(o.uses, client)
	}
	delete(u.object.users, client)
	u.object.feed.Leave(u.sub)
	o.unuse(u.by, perUse)
	o.seen.uses.Add(-1)
	o.idle(u.object)
}

// releaseObjects ends all that a client uses.
func (o *owner) releaseObjects(client string) {
	for key := range o.uses[client] {
		o.releaseObject(client, key)
	}
}

// idle forgets an object that nobody uses any more, once its file has it.
func (o *owner) idle(obj *object) {
	if obj.used() || o.objects[obj.key] != obj || !o.settled(obj) {
		return
	}
	o.forgetObject(obj)
}

// forgetObject takes an object out of memory.
func (o *owner) forgetObject(obj *object) {
	if o.objects[obj.key] != obj {
		return
	}
	obj.Drop()
	delete(o.objects, obj.key)
	o.unkept(obj)
	o.unmade(obj)
	o.seen.objects.Add(-1)
}

// tell brings what has been done to all users of an object.
func (o *owner) tell(obj *object, by *sharedobject.Subscription, out sharedobject.Outcome) {
	if out.Changed {
		o.seen.changes.Add(1)
		o.changedObject(obj)
	}
	if len(out.Requester)+len(out.Others) > 0 {
		obj.feed.Tell(by, out)
	}
}
