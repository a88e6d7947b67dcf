package script_test

import (
	"errors"
	"strings"
	"sync"

	"flashpod.dev/flashpod/mediaserver/script"
	"flashpod.dev/flashpod/mediaserver/sharedobject"
)

// objects are the shared objects of a fake, which does at once what it is asked.
type objects struct {
	objectsMu sync.Mutex
	byKey     map[script.ObjectKey]*object
	slow      bool     // nothing is done before resume
	waiting   []func() // for that
}

type object struct {
	*sharedobject.Object
	f    *fake
	hear func(script.ObjectNews)
}

func (f *fake) OpenSharedObject(key script.ObjectKey, far script.FarObject, hear func(script.ObjectNews), opened func(string)) {
	f.say("open %s %v", key.Name, key.Persistent)
	if strings.HasPrefix(key.Name, "refused") || far != nil && strings.HasPrefix(key.Name, "local") {
		opened("no room for " + key.Name)
		return
	}
	f.objectsMu.Lock()
	if f.byKey == nil {
		f.byKey = map[script.ObjectKey]*object{}
	}
	o := f.byKey[key]
	if o == nil {
		o = &object{Object: sharedobject.NewObject(key.Name, key.Persistent, sharedobject.Limits{SlotBytes: 1000}, nil), f: f}
		f.byKey[key] = o
	}
	o.hear = hear
	f.objectsMu.Unlock()
	opened("")
}

func (f *fake) CloseSharedObject(key script.ObjectKey) { f.say("close %s", key.Name) }

func (f *fake) ClearSharedObjects(match func(string) bool) {
	for _, name := range []string{"a", "rooms/a1", "rooms/a2", "rooms/b", "rooms/deep/a1", "rooms/[x]"} {
		if match(name) {
			f.say("clear %s", name)
		}
	}
}

func (f *fake) UseSharedObject(key script.ObjectKey, use func(script.OpenObject), _ func(string)) {
	do := func() {
		f.objectsMu.Lock()
		defer f.objectsMu.Unlock()
		use(open{f.byKey[key]})
	}
	f.objectsMu.Lock()
	slow := f.slow
	if slow {
		f.waiting = append(f.waiting, do)
	}
	f.objectsMu.Unlock()
	if !slow {
		do()
	}
}

// resume does what has waited.
func (f *fake) resume() {
	f.objectsMu.Lock()
	waiting := f.waiting
	f.slow, f.waiting = false, nil
	f.objectsMu.Unlock()
	for _, do := range waiting {
		do()
	}
}

// tell tells the script what a client has done.
func (f *fake) tell(key script.ObjectKey, all ...script.ObjectNews) {
	f.objectsMu.Lock()
	hear := f.byKey[key].hear
	f.objectsMu.Unlock()
	for _, n := range all {
		hear(n)
	}
}

// open is an object in the hands of the script.
type open struct{ *object }

func (o open) Set(name string, v sharedobject.Value) error {
	if _, ok := o.Object.Set(name, v); !ok {
		return errors.New("slot " + name + " is too large")
	}
	return nil
}

func (o open) Send(call sharedobject.Value) error {
	values, err := decoded(call)
	o.f.say("%s sends%s", o.Name, texts(values))
	return err
}
func (o open) Delete(name string) error {
	o.Object.Delete(name)
	return nil
}

func (o open) Clear() error {
	o.Empty()
	return nil
}
func (o open) Unlock() int             { return o.Object.Unlock().Left }
func (o open) SetResyncDepth(n uint32) { o.f.say("resync %d", n) }
func (o open) Purge(version uint32)    { o.f.say("purge %d", version) }
func (o open) Expel(string)            {}
func (o open) UsedBy(string) bool      { return false }
func (o open) Dirty() bool             { return o.Persistent }
