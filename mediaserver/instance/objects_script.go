package instance

import (
	"flashpod.dev/flashpod/mediaserver/script"
	"flashpod.dev/flashpod/mediaserver/session"
	"flashpod.dev/flashpod/mediaserver/sharedobject"
)

// scriptUse is a script's use of an object.
type scriptUse struct {
	hear  func(script.ObjectNews)
	far   script.FarObject // where it is kept; nil: here
	locks int              // of the script's
}

// OpenSharedObject implements script.SharedObjects.
func (i *Instance) OpenSharedObject(key script.ObjectKey, far script.FarObject, hear func(script.ObjectNews), opened func(refused string)) {
	i.WithSharedObject(key.Name, key.Persistent, func(s SharedObject) {
		if s.obj.script == nil {
			s.obj.script = &scriptUse{}
			s.Keep()
		}
		s.obj.script.hear, s.obj.script.far = hear, far
		s.obj.foreign = s.obj.foreign || far != nil
		opened("")
	}, func(r *session.Refusal) { opened(r.Error()) })
}

// UseSharedObject implements script.SharedObjects.
func (i *Instance) UseSharedObject(key script.ObjectKey, f func(script.OpenObject), failed func(why string)) {
	i.WithSharedObject(key.Name, key.Persistent, func(s SharedObject) {
		if s.obj.script == nil {
			failed("shared object " + key.Name + " is not open")
			return
		}
		f(scriptObject{s})
	}, func(r *session.Refusal) { failed(r.Error()) })
}

// CloseSharedObject implements script.SharedObjects.
func (i *Instance) CloseSharedObject(key script.ObjectKey) {
	i.post(func(o *owner) { o.scriptLeaves(objectKey{key.Name, key.Persistent}) })
}

// scriptLeaves ends a script's use of an object, behind what it has asked of it before.
func (o *owner) scriptLeaves(key objectKey) {
	if o.objects[key] == nil {
		return
	}
	o.withObject(key, func(s SharedObject) {
		if s.obj.script == nil {
			return
		}
		for range s.obj.script.locks {
			s.Unlock()
		}
		s.obj.script = nil
		s.Release()
	}, func(*session.Refusal) {})
}

// scriptLost ends a script's use of all objects.
func (o *owner) scriptLost() {
	for key, obj := range o.objects {
		if obj.script != nil || obj.loading || obj.admitting {
			o.scriptLeaves(key)
		}
	}
}

// scriptObject is an object in the hands of a script, in the owner's turn.
type scriptObject struct{ SharedObject }

// Lock is SharedObject's, for a lock that the script has.
func (s scriptObject) Lock() {
	s.obj.script.locks++
	s.SharedObject.Lock()
}

// Unlock takes back a lock of the script, if it has one: those of clients stay. It returns
// how many locks are left.
func (s scriptObject) Unlock() (left int) {
	if s.obj.script.locks == 0 {
		return 0
	}
	s.obj.script.locks--
	return s.SharedObject.Unlock()
}

// UsedBy says whether a client uses it that says it is an instance.
func (s scriptObject) UsedBy(instance string) bool {
	for _, u := range s.obj.users {
		if u.server == instance {
			return true
		}
	}
	return false
}

// Expel ends the use by clients that say they are an instance, which hear that they are
// refused.
func (s scriptObject) Expel(instance string) {
	var all []string
	for client, u := range s.obj.users {
		if u.server == instance {
			all = append(all, client)
		}
	}
	for _, client := range all {
		s.o.expel(client, s.obj.users[client], sharedobject.CodeCreationFailed, deniedCircle)
	}
}

// expel ends a client's use of an object, and says why.
func (o *owner) expel(client string, u *use, code, why string) {
	m := sharedobject.Message{
		Name: u.object.Name, Persistent: u.object.Persistent, Version: u.object.Version(),
		Events: []sharedobject.Event{sharedobject.Failed(code)},
	}
	o.releaseObject(client, u.object.key)
	o.log.Warn("shared object refused", "client", client, "object", session.Printable(m.Name), "reason", why)
	if peer := o.seen.peerOf(client); peer != nil {
		peer.Tell(sharedobject.Update{Flex: u.form.Flex, Payload: m.Encode(u.form.AMF3)}, nil)
	}
}

// revoke ends a client's use of objects that it may not read any more.
func (o *owner) revoke(client string, read string) {
	for key, u := range o.uses[client] {
		if !allows(read, key.name) {
			o.expel(client, u, sharedobject.CodeNoReadAccess, "no read access any more")
		}
	}
}

// Len is how many slots there are.
func (s scriptObject) Len() int { return s.obj.Len() }

// Dirty says whether the file has less than the object.
func (s scriptObject) Dirty() bool { return s.obj.key.persistent && (s.obj.dirty || s.obj.saving) }

// before is what the slots have that a client's message is about, for a script that
// will hear what became of them; nil: none will.
func (obj *object) before(events []sharedobject.Event) map[string]sharedobject.Value {
	if obj.script == nil {
		return nil
	}
	slots := map[string]sharedobject.Value{}
	for _, e := range events {
		if e.Type == sharedobject.RequestChange || e.Type == sharedobject.RequestRemove {
			if v, ok := obj.Get(e.Name); ok {
				slots[e.Name] = v
			}
		}
	}
	return slots
}

// tellScript tells a script what a client's message has done: what the client hears of
// it, it hears.
func (obj *object) tellScript(before map[string]sharedobject.Value, out sharedobject.Outcome) {
	if obj.script == nil {
		return
	}
	made := map[string]bool{} // by the same message
	for _, e := range out.Requester {
		n := script.ObjectNews{Name: e.Name, Old: before[e.Name]}
		switch e.Type {
		case sharedobject.Success:
			made[e.Name] = true
		case sharedobject.Remove:
			if n.Old.Raw == nil && !made[e.Name] {
				continue // there was nothing
			}
			n.Kind = script.ObjectDeleted
		case sharedobject.Clear:
			n = script.ObjectNews{Kind: script.ObjectCleared}
			clear(before)
			clear(made)
		case sharedobject.SendMessage:
			n = script.ObjectNews{Kind: script.ObjectSent, Call: e.Value}
		default:
			continue
		}
		obj.script.hear(n)
	}
}
