package instance

import (
	"fmt"

	"flashpod.dev/flashpod/mediaserver/session"
	"flashpod.dev/flashpod/mediaserver/sharedobject"
)

// SharedObject is a shared object in the hands of the server's own code, such as
// a script. It is only for the function that it was given to, which runs in the
// owner's turn and waits for nothing.
type SharedObject struct {
	o   *owner
	obj *object
}

// WithSharedObject has f called with an object, in the owner's turn: what f does
// happens at once, between two messages of clients. An object that is not there
// is made; it goes with its last user, or once nobody keeps it any more. refused
// is called instead when there is none.
func (i *Instance) WithSharedObject(name string, persistent bool, f func(SharedObject), refused func(*session.Refusal)) {
	ok := i.post(func(o *owner) { o.withObject(objectKey{name, persistent}, f, refused) })
	if !ok {
		refused(stopping())
	}
}

func (o *owner) withObject(key objectKey, f func(SharedObject), refused func(*session.Refusal)) {
	if err := sharedobject.CheckName(key.name); err != nil {
		refused(&session.Refusal{Code: session.RefusedBadName, Reason: err.Error()})
		return
	}
	obj := o.objects[key]
	if obj == nil {
		var why string
		if obj, why = o.newObject(key, session.Client{}); obj == nil {
			refused(&session.Refusal{Code: session.RefusedLimit, Reason: why})
			return
		}
	}
	if obj.loading || obj.admitting {
		if len(obj.list) >= maxWaitingMessages {
			refused(&session.Refusal{Code: session.RefusedFailed, Reason: fmt.Sprintf("shared object %s: too much waits for its file", key.name)})
			return
		}
		obj.list = append(obj.list, waiting{
			run: func(o *owner) { o.lend(obj, f) },
			fail: func(why string) {
				refused(&session.Refusal{Code: session.RefusedFailed, Reason: fmt.Sprintf("shared object %s: %s", key.name, why)})
			},
		})
		return
	}
	if obj.atGate.waitingOf[""] > 0 || !o.mayChange(obj) && !o.shut() {
		o.awaitGate(obj, key.name, f, refused)
		return
	}
	o.lend(obj, f)
}

func (o *owner) lend(obj *object, f func(SharedObject)) {
	obj.SetLimits(o.limitsOf(obj))
	f(SharedObject{o, obj})
	o.idle(obj)
}

// Keep has the object stay without users, until Release is called as often.
func (s SharedObject) Keep() { s.obj.kept++ }

// Release takes a Keep back.
func (s SharedObject) Release() { s.obj.kept = max(0, s.obj.kept-1) }

// Version is the object's version, as clients are told it.
func (s SharedObject) Version() uint32 { return s.obj.Version() }

// Names are those of its slots.
func (s SharedObject) Names() []string { return s.obj.Names() }

// Get is the value of a slot; false: there is no such slot.
func (s SharedObject) Get(name string) (v sharedobject.Value, ok bool) { return s.obj.Get(name) }

// Set puts a value into a slot; null and undefined delete it. It fails where a
// limit is in the way, or the disk: so do Delete and Clear.
func (s SharedObject) Set(name string, v sharedobject.Value) error {
	if err := s.mayChange(); err != nil {
		return err
	}
	return s.done(s.obj.Set(name, v))
}

// Send calls a handler of all users: v is its name and the arguments.
func (s SharedObject) Send(v sharedobject.Value) error { return s.done(s.obj.Send(v)) }

// Delete deletes a slot.
func (s SharedObject) Delete(name string) error {
	err := s.mayChange()
	if err == nil {
		s.o.tell(s.obj, nil, s.obj.Delete(name))
	}
	return err
}

// Clear deletes all slots.
func (s SharedObject) Clear() error {
	err := s.mayChange()
	if err == nil {
		s.o.tell(s.obj, nil, s.obj.Empty())
	}
	return err
}

func (s SharedObject) mayChange() error {
	if s.o.mayChange(s.obj) {
		return nil
	}
	return fmt.Errorf("shared object %s: %s", s.obj.Name, deniedVersions)
}

// Lock keeps what changes from users until Unlock is called as often, which returns
// how many locks are left; then they are told all of it, in messages no larger than
// any, of which the last has the new version. Of more than 1 MiB, or where no budget
// pays, they are told what has come of it.
func (s SharedObject) Lock() { s.obj.Lock() }

// Unlock takes a lock back.
func (s SharedObject) Unlock() (left int) {
	u := s.obj.Unlock()
	s.obj.feed.TellUnlocked(u)
	return u.Left
}

// SetResyncDepth sets how many versions a client may miss and still get the
// changes alone; 0: any number.
func (s SharedObject) SetResyncDepth(versions uint32) { s.obj.ResyncDepth = versions }

// Purge forgets what was deleted before a version.
func (s SharedObject) Purge(version uint32) { s.obj.Purge(version) }

func (s SharedObject) done(out sharedobject.Outcome, ok bool) error {
	s.o.tell(s.obj, nil, out)
	if !ok {
		return fmt.Errorf("shared object %s: %s", s.obj.Name, s.o.whyDenied(s.obj, out.Why))
	}
	return nil
}
