package rtmp

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/sharedobject"
)

// SharedObject is a client's end of a remote shared object: slots that all its
// clients see change. Its methods may be called from any goroutine; those that
// wait do so until the server has answered.
type SharedObject struct {
	nc  *NetConnection
	key objectKey

	mu      sync.Mutex // nothing is called while it is held
	version uint32
	slots   map[string]amf.Value
	waiters []*objectWaiter
	onSync  func([]Sync)
	onSend  func(handler string, args []amf.Value)
}

type objectKey struct {
	name       string
	persistent bool
}

// SyncCode says what has happened to a slot, in ActionScript's words.
type SyncCode string

// The codes.
const (
	SyncClear   SyncCode = "clear"   // all slots are gone
	SyncSuccess SyncCode = "success" // this client has changed it
	SyncReject  SyncCode = "reject"  // this client has not: what it asked for was refused
	SyncChange  SyncCode = "change"  // another client or the server has
	SyncDelete  SyncCode = "delete"
)

// Sync is a change of a slot, or of the whole object.
type Sync struct {
	Code SyncCode
	Name string // of the slot; of clear none
}

// objectWaiter waits for the answer to a request.
type objectWaiter struct {
	kind   sharedobject.EventType // of the request
	slot   string
	raw    string // what a send carries
	value  amf.Value
	answer chan error // of capacity one
}

// SharedObject makes the client's end of an object, which [SharedObject.Use]
// brings to life. Of each name there is one, and another that is persistent.
func (nc *NetConnection) SharedObject(name string, persistent bool) *SharedObject {
	nc.mu.Lock()
	defer nc.mu.Unlock()
	key := objectKey{name, persistent}
	o := nc.objects[key]
	if o == nil {
		if nc.objects == nil {
			nc.objects = map[objectKey]*SharedObject{}
		}
		o = &SharedObject{nc: nc, key: key, slots: map[string]amf.Value{}}
		nc.objects[key] = o
	}
	return o
}

// OnSync has f called with what one message of the server has changed.
func (o *SharedObject) OnSync(f func([]Sync)) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.onSync = f
}

// OnSend has f called with what a client or the server sends to all, this client's
// own included.
func (o *SharedObject) OnSend(f func(handler string, args []amf.Value)) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.onSend = f
}

// Use asks for the object, and waits until all its slots have come. A refusal is
// a *StatusError.
func (o *SharedObject) Use(ctx context.Context) error {
	if err := o.ask(ctx, &objectWaiter{kind: sharedobject.Use}, sharedobject.Event{Type: sharedobject.Use}); err != nil {
		return err
	}
	// No slot has this name: the answer comes behind the last of the others.
	err := o.Delete(ctx, "")
	if refused := (*StatusError)(nil); errors.As(err, &refused) {
		return nil // it may not write, and has heard all the same
	}
	return err
}

// Set puts a value into a slot. One that is refused is a *StatusError; the slot is
// then what the server says.
func (o *SharedObject) Set(ctx context.Context, slot string, value amf.Value) error {
	v, err := sharedobject.NewValue(value)
	if err != nil {
		return err
	}
	e := sharedobject.Event{Type: sharedobject.RequestChange, Name: slot, Value: v}
	return o.ask(ctx, &objectWaiter{kind: e.Type, slot: slot, value: value}, e)
}

// Delete deletes a slot, if it is there.
func (o *SharedObject) Delete(ctx context.Context, slot string) error {
	e := sharedobject.Event{Type: sharedobject.RequestRemove, Name: slot}
	return o.ask(ctx, &objectWaiter{kind: e.Type, slot: slot}, e)
}

// Clear deletes all slots.
func (o *SharedObject) Clear(ctx context.Context) error {
	e := sharedobject.Event{Type: sharedobject.Clear}
	return o.ask(ctx, &objectWaiter{kind: e.Type}, e)
}

// Send calls a handler of all clients, and waits until it has come back.
func (o *SharedObject) Send(ctx context.Context, handler string, args ...amf.Value) error {
	v, err := sharedobject.NewValue(append([]amf.Value{handler}, args...)...)
	if err != nil {
		return err
	}
	e := sharedobject.Event{Type: sharedobject.SendMessage, Value: v}
	return o.ask(ctx, &objectWaiter{kind: e.Type, raw: string(v.Raw)}, e)
}

// Close says that the client has done with the object. It does not wait.
func (o *SharedObject) Close() error {
	o.nc.mu.Lock()
	if o.nc.objects[o.key] == o {
		delete(o.nc.objects, o.key)
	}
	o.nc.mu.Unlock()
	return o.send(sharedobject.Event{Type: sharedobject.Release})
}

// Ended is closed when the connection is over.
func (o *SharedObject) Ended() <-chan struct{} { return o.nc.ended }

// Slots are all slots, as they are now.
func (o *SharedObject) Slots() map[string]amf.Value {
	o.mu.Lock()
	defer o.mu.Unlock()
	return maps.Clone(o.slots)
}

// Get is the value of a slot.
func (o *SharedObject) Get(slot string) (amf.Value, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	v, ok := o.slots[slot]
	return v, ok
}

// Version is the object's, as the server said it last.
func (o *SharedObject) Version() uint32 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.version
}

func (o *SharedObject) send(e sharedobject.Event) error {
	return o.nc.TellObject(&sharedobject.Message{
		Name: o.key.name, Persistent: o.key.persistent, Version: o.Version(), Events: []sharedobject.Event{e},
	})
}

// HandleObject has f called with every message of the server's about an object, on the
// goroutine that reads: for who keeps the slots itself, in place of a [SharedObject].
// An error of f ends the connection; f is nil to be called no more.
func (nc *NetConnection) HandleObject(name string, persistent bool, f func(*sharedobject.Message) error) {
	nc.mu.Lock()
	defer nc.mu.Unlock()
	key := objectKey{name, persistent}
	if f == nil {
		delete(nc.handled, key)
		return
	}
	if nc.handled == nil {
		nc.handled = map[objectKey]func(*sharedobject.Message) error{}
	}
	nc.handled[key] = f
}

// TellObject sends what a client says about an object. It does not wait, as [Conn.Send].
func (nc *NetConnection) TellObject(m *sharedobject.Message) error {
	return nc.conn.Send(&Message{Type: TypeSharedObject, Payload: m.Encode(false)[1:]})
}

// ask sends a request and waits for its answer.
func (o *SharedObject) ask(ctx context.Context, w *objectWaiter, e sharedobject.Event) error {
	w.answer = make(chan error, 1)
	o.mu.Lock()
	o.waiters = append(o.waiters, w)
	o.mu.Unlock()
	err := o.send(e)
	if err == nil {
		select {
		case err := <-w.answer:
			return err
		case <-o.nc.ended:
			err = o.nc.end()
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	o.take(func(one *objectWaiter) bool { return one == w })
	if err == nil {
		err = fmt.Errorf("shared object %s: the connection has ended", o.key.name)
	}
	return err
}

// take removes the first waiter that is meant.
func (o *SharedObject) take(is func(*objectWaiter) bool) *objectWaiter {
	o.mu.Lock()
	defer o.mu.Unlock()
	for i, w := range o.waiters {
		if is(w) {
			o.waiters = append(o.waiters[:i:i], o.waiters[i+1:]...)
			return w
		}
	}
	return nil
}
