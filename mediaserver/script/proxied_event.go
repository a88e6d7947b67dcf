package script

import (
	"bytes"
	"fmt"
	"slices"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/sharedobject"
)

// event does what the far server says. Errors are limits of this instance that are in
// the way: then the object here is not all of it.
func (p *proxied) event(o OpenObject, e *sharedobject.Event, next []sharedobject.Event) error {
	refused := p.refused
	p.refused = ""
	switch e.Type {
	case sharedobject.UseSuccess:
		p.used = true
		p.heard()
		// Of two that began at once to show one another's, one goes on.
		if p.id != "" && p.so.w.host.cfg.Instance.ID() < p.id {
			o.Expel(p.id)
		}
		p.so.w.post(func() { p.connected() })
	case sharedobject.Status:
		p.heard()
		if sharedobject.Concerns(next) {
			p.refused = e.Name
			return nil
		}
		p.refusedAll(o, e.Name)
	case sharedobject.Clear:
		return p.cleared(o, next)
	case sharedobject.Success:
		return p.success(o, e.Name)
	case sharedobject.Change:
		return p.changed(o, e, refused)
	case sharedobject.Remove:
		return p.removed(o, e.Name, refused)
	case sharedobject.SendMessage:
		return p.came(o, e.Value)
	}
	return nil
}

// connected tells the script that the far server has let it use the object.
func (p *proxied) connected() {
	so := p.so
	if so.closed {
		return
	}
	info, err := so.w.values.In(amf.NewObject("level", "status", "code", "SharedObject.Proxy.Connect", "description", so.key.Name))
	if err == nil {
		so.w.call(so.object, "onStatus", info)
	}
}

// refusedAll is about the object, or about the oldest message that has not come back.
func (p *proxied) refusedAll(o OpenObject, code string) {
	if id, _ := p.Keeper(); code == sharedobject.CodeCreationFailed && id != "" && (id == p.so.w.host.cfg.Instance.ID() || o.UsedBy(id)) {
		p.so.failed(code, fmt.Errorf("shared object %s: %s is to keep it, and shows this instance's own: two that show one another's would go on for ever; "+
			"let one of them keep it, where it is got without a NetConnection", p.so.key.Name, p.url))
		p.reset(nil)
		return
	}
	switch {
	case !p.used || code == sharedobject.CodeNoReadAccess || code == sharedobject.CodeCreationFailed:
		p.reset(nil)
	case len(p.sent) > 0:
		kept := p.sent[0].clear
		p.sent = p.sent[1:]
		if kept { // it has all that is not here any more
			_ = p.tell(sharedobject.Event{Type: sharedobject.Release})
			_ = p.tell(sharedobject.Event{Type: sharedobject.Use})
		}
	}
	p.status(code)
}

// cleared empties the object, but for slots that the same message fills: those that are
// as they were, nobody hears of. What is asked for meanwhile comes after that.
func (p *proxied) cleared(o OpenObject, next []sharedobject.Event) error {
	clear(p.known)
	p.partial = false
	if i := slices.IndexFunc(p.sent, func(m sentMessage) bool { return m.clear }); i >= 0 {
		p.sent = slices.Delete(p.sent, i, i+1)
	}
	for _, s := range p.slots {
		s.gone = s.asked
	}
	err := p.empty(o, next)
	for name, s := range p.slots {
		_, held := o.Get(name)
		p.lose(s, name, !held)
	}
	return err
}

// empty empties the object here, but for slots that are about to be filled.
func (p *proxied) empty(o OpenObject, next []sharedobject.Event) error {
	stays := map[string]bool{}
	for i := range next {
		if next[i].Type == sharedobject.Change {
			stays[next[i].Name] = true
		}
	}
	if len(stays) == 0 && o.Len() > 0 {
		p.so.hear(ObjectNews{Kind: ObjectCleared})
		return o.Clear()
	}
	for _, name := range o.Names() {
		if !stays[name] {
			if err := p.remove(o, name); err != nil {
				return err
			}
		}
	}
	return nil
}

// remove removes a slot, if it is there.
func (p *proxied) remove(o OpenObject, name string) error {
	old, ok := o.Get(name)
	if !ok {
		return nil
	}
	if err := o.Delete(name); err != nil {
		return err
	}
	p.so.hear(ObjectNews{Kind: ObjectDeleted, Name: name, Old: old})
	return nil
}

// success is the answer to a change that was asked for.
func (p *proxied) success(o OpenObject, name string) error {
	s := p.slots[name]
	if s == nil || !s.asked {
		return nil
	}
	var err error
	v := s.value
	if s.gone && !s.dirty && len(v.Raw) > 0 {
		err = o.Set(name, v)
	}
	p.accepted(s, name)
	p.answered(s, name)
	p.knows(o, name, v)
	return err
}

// changed is a change by somebody else, or what a slot has of which a change was
// refused.
func (p *proxied) changed(o OpenObject, e *sharedobject.Event, refused string) error {
	overrides := p.overrides(e.Name, refused)
	defer p.knows(o, e.Name, e.Value)
	if !overrides {
		return nil
	}
	old, ok := o.Get(e.Name)
	if ok && bytes.Equal(old.Raw, e.Value.Raw) {
		return nil
	}
	if err := o.Set(e.Name, e.Value); err != nil {
		p.partial = true
		return err
	}
	p.so.hear(ObjectNews{Kind: ObjectChanged, Name: e.Name, Old: old})
	return nil
}

// removed is the same for a slot that is gone, and the answer to a removal.
func (p *proxied) removed(o OpenObject, name, refused string) error {
	delete(p.known, name)
	s := p.slots[name]
	if refused == "" && s != nil && s.asked && len(s.value.Raw) == 0 {
		p.accepted(s, name)
		p.answered(s, name)
		return nil
	}
	if !p.overrides(name, refused) {
		return nil
	}
	return p.remove(o, name)
}

// overrides says whether what the far server says of a slot counts: not where it is
// about to hear of another value, unless it has refused that.
func (p *proxied) overrides(name, refused string) bool {
	s := p.slots[name]
	switch {
	case s == nil:
		return true
	case refused == "" || !s.asked:
		return !s.asked && !s.dirty
	}
	if s.mine {
		p.so.hear(ObjectNews{Kind: objectRejected, Name: name})
	}
	s.mine = false
	dirty := s.dirty
	p.answered(s, name)
	p.status(refused)
	return !dirty
}

// came is a message to all: one that a client here has sent was delivered already.
func (p *proxied) came(o OpenObject, call sharedobject.Value) error {
	hash := hashOf(call)
	for i, m := range p.sent {
		if m.hash == hash {
			p.sent = append(p.sent[:i:i], p.sent[i+1:]...)
			if !m.mine {
				return nil
			}
			break
		}
	}
	if err := o.Send(call); err != nil {
		return err
	}
	p.so.hear(ObjectNews{Kind: ObjectSent, Call: call})
	return nil
}
