package rtmp

import (
	"fmt"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/sharedobject"
)

// sharedObject takes a message about a shared object.
func (nc *NetConnection) sharedObject(m *Message) error {
	payload := m.Payload
	if m.Type == TypeSharedObjectAMF3 {
		payload = payload[1:] // the format's selector
	}
	got, err := sharedobject.Parse(payload, maxObject)
	if err != nil {
		return err
	}
	nc.mu.Lock()
	key := objectKey{got.Name, got.Persistent}
	o, handle := nc.objects[key], nc.handled[key]
	nc.mu.Unlock()
	if handle != nil {
		return handle(got)
	}
	if o == nil {
		return nil // it was closed
	}
	return o.receive(got)
}

// maxObject bounds what one message of a server may have, written out.
const maxObject = 16 << 20

// receive does what a message says, one event after another.
func (o *SharedObject) receive(m *sharedobject.Message) error {
	o.mu.Lock()
	o.version = m.Version
	onSync, onSend := o.onSync, o.onSend
	o.mu.Unlock()
	var changes []Sync
	var refused error // by the event before
	for i := range m.Events {
		e := &m.Events[i]
		why := refused
		refused = nil
		switch e.Type {
		case sharedobject.Status:
			refused = &StatusError{Code: e.Name, Description: fmt.Sprintf("shared object %s", o.key.name)}
			if !sharedobject.Concerns(m.Events[i+1:]) {
				o.answer(refused, func(w *objectWaiter) bool {
					return w.kind == sharedobject.Use || w.kind == sharedobject.SendMessage || w.kind == sharedobject.Clear
				})
			}
		case sharedobject.SendMessage:
			o.answer(nil, func(w *objectWaiter) bool { return w.kind == e.Type && w.raw == string(e.Value.Raw) })
			values, err := amf.DecodeAll(e.Value.Raw)
			if err != nil {
				return err
			}
			if handler, ok := values[0].(string); ok && onSend != nil {
				onSend(handler, values[1:])
			}
		default:
			change, err := o.slot(e, why)
			if err != nil {
				return err
			}
			if change.Code != "" {
				changes = append(changes, change)
			}
		}
	}
	if len(changes) > 0 && onSync != nil {
		onSync(changes)
	}
	return nil
}

// slot does what one event says of a slot, or of all of them. why is the refusal
// before it.
func (o *SharedObject) slot(e *sharedobject.Event, why error) (Sync, error) {
	asked := func(kind sharedobject.EventType) func(*objectWaiter) bool {
		return func(w *objectWaiter) bool { return w.kind == kind && w.slot == e.Name }
	}
	switch e.Type {
	case sharedobject.UseSuccess:
		o.answer(nil, asked(sharedobject.Use))
	case sharedobject.Clear:
		o.change(func() { clear(o.slots) })
		o.answer(nil, asked(sharedobject.Clear))
		return Sync{SyncClear, ""}, nil
	case sharedobject.Success:
		w := o.take(asked(sharedobject.RequestChange))
		if w == nil {
			return Sync{}, nil
		}
		o.change(func() { o.slots[e.Name] = w.value })
		w.answer <- nil
		return Sync{SyncSuccess, e.Name}, nil
	case sharedobject.Change:
		v, _, err := amf.Decode(e.Value.Raw)
		if err != nil {
			return Sync{}, err
		}
		o.change(func() { o.slots[e.Name] = v })
		if why != nil {
			o.rejected(why, e.Name)
			return Sync{SyncReject, e.Name}, nil
		}
		return Sync{SyncChange, e.Name}, nil
	case sharedobject.Remove:
		o.change(func() { delete(o.slots, e.Name) })
		if why != nil {
			o.rejected(why, e.Name)
			if e.Name == "" {
				return Sync{}, nil // what Use has asked for
			}
			return Sync{SyncReject, e.Name}, nil
		}
		o.answer(nil, asked(sharedobject.RequestRemove))
		if e.Name == "" {
			return Sync{}, nil // what Use has asked for
		}
		return Sync{SyncDelete, e.Name}, nil
	}
	return Sync{}, nil
}

func (o *SharedObject) change(f func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	f()
}

func (o *SharedObject) answer(err error, is func(*objectWaiter) bool) {
	if w := o.take(is); w != nil {
		w.answer <- err
	}
}

// rejected answers who has asked to change or delete a slot.
func (o *SharedObject) rejected(why error, slot string) {
	o.answer(why, func(w *objectWaiter) bool {
		return w.slot == slot && (w.kind == sharedobject.RequestChange || w.kind == sharedobject.RequestRemove)
	})
}
