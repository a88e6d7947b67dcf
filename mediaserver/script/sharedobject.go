package script

import (
	"errors"
	"fmt"
	"sync/atomic"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/script/engine"
	"flashpod.dev/flashpod/mediaserver/sharedobject"
)

// sharedObjects are those that the script uses. The class's objects live as long: their
// handlers are called.
type sharedObjects struct {
	class *engine.Type
	open  map[ObjectKey]*sharedObject
	news  newsShare
}

// sharedObject is what an object of class SharedObject belongs to.
type sharedObject struct {
	w      *world
	key    ObjectKey
	object *engine.Object
	locks  int
	opened bool
	closed bool
	// depth and autoCommit are as the script has set them.
	depth      float64
	autoCommit bool
	news       objectNews
	failures   atomic.Int32 // that the script is about to be told of
	proxied    *proxied     // nil: it is the instance's own
}

// maxFailures is how many of an object's failures wait to be told: what a script does
// then may fail again.
const maxFailures = 100

func (w *world) sharedObjects() SharedObjects { return w.instance() }

// defineSharedObject makes the class SharedObject, and what application has for them.
func defineSharedObject(w *world) error {
	class, err := w.rt.Define(engine.Class{
		Name: "SharedObject",
		Statics: []engine.Method{
			{Name: "get", Length: 3, Func: w.getSharedObject},
			// What has changed is written within a second in any case.
			{Name: "commit", Length: 1, Func: func(*engine.Call) (engine.Value, error) { return engine.Bool(true), nil }},
		},
		Methods:    w.sharedObjectMethods(),
		Properties: w.sharedObjectProperties(),
	})
	if err != nil {
		return err
	}
	clear, err := w.rt.NewFunction("clearSharedObjects", 1, w.clearSharedObjects)
	if err == nil {
		err = w.types.application.Prototype().Define("clearSharedObjects", clear.Value(), engine.Writable|engine.Configurable)
	}
	if err != nil {
		return err
	}
	w.objects.class, w.objects.open = class, map[ObjectKey]*sharedObject{}
	return w.global.Define("SharedObject", class.Constructor().Value(), engine.Writable|engine.Configurable)
}

// getSharedObject is SharedObject.get(name[, persistent[, netConnection]]). The same
// object comes for the same name until it is closed; null if there can be none. With a
// NetConnection it is the object of the server to which that leads (see proxied.go).
func (w *world) getSharedObject(c *engine.Call) (engine.Value, error) {
	name, err := c.Runtime.ToString(c.Arg(0))
	if err != nil {
		return engine.Undefined, err
	}
	far, err := linkOf(c.Arg(2), name)
	if err != nil {
		return engine.Undefined, err
	}
	key := ObjectKey{name, c.Arg(1).Truth()}
	if so := w.objects.open[key]; so != nil {
		if far != nil && !so.through(far, c.Arg(2).Object()) {
			return engine.Null, nil
		}
		return so.object.Value(), nil
	}
	if err := sharedobject.CheckName(name); err != nil {
		w.report(err)
		return engine.Null, nil
	}
	so := &sharedObject{w: w, key: key, autoCommit: true}
	o, err := w.objects.class.New(so)
	if err != nil {
		return engine.Undefined, err
	}
	so.object = o.Keep()
	w.objects.open[key] = so
	if !so.begin(far, c.Arg(2).Object()) {
		so.forget()
		return engine.Null, nil
	}
	return o.Value(), nil // a disk that is slow is waited for by what is asked of it
}

// begin opens the object, which is the instance's own if there is no far one, reached
// by a NetConnection. false: there is none, and nothing has changed.
func (so *sharedObject) begin(far *link, nc *engine.Object) bool {
	hear, first := so.hear, !so.opened
	var end FarObject
	var p *proxied
	if far != nil {
		p = &proxied{so: so, nc: nc.Keep()}
		hear, end = p.hear, p
	}
	refused, _ := ask(so.w, func(answer func(string)) {
		so.w.sharedObjects().OpenSharedObject(so.key, end, hear, func(refused string) {
			answer(refused)
			if refused != "" {
				so.w.post(func() { so.refused(refused, p, first) })
			}
		})
	})
	if refused != "" {
		if p != nil {
			p.nc.Release()
		}
		return false
	}
	so.opened, so.proxied = true, p
	if p != nil {
		so.giveLocks() // of another server's there are none
	}
	if far != nil && far.nc != nil {
		p.attach(far)
	}
	return true
}

// refused says that there is no such object after all; one that was the instance's own
// before stays that.
func (so *sharedObject) refused(why string, p *proxied, first bool) {
	err := fmt.Errorf("SharedObject.get(%q): %s", so.key.Name, why)
	so.w.report(err)
	so.status(sharedobject.CodeCreationFailed, err)
	switch {
	case first:
		so.forget()
	case p != nil && so.proxied == p: // it took longer than the script could wait
		so.use(func(OpenObject) error { p.leave(); return nil })
		p.nc.Release()
		so.proxied = nil
	}
}

// status tells the script's onStatus of what has failed.
func (so *sharedObject) status(code string, err error) {
	info, e := so.w.values.In(amf.NewObject("code", code, "level", "error", "description", err.Error()))
	if e == nil && !so.closed {
		so.w.call(so.object, "onStatus", info)
	}
}

// forget ends what the world has of it. The script may hold on to the object.
func (so *sharedObject) forget() {
	if so.closed {
		return
	}
	so.closed = true
	if so.proxied != nil {
		so.proxied.nc.Release()
	}
	so.news.drop(&so.w.objects.news)
	delete(so.w.objects.open, so.key)
	so.object.Release()
}

// use has f done with the object, after what was asked of it before, and waits for
// nothing. What fails is told to the script later.
func (so *sharedObject) use(f func(OpenObject) error) {
	if so.closed {
		return
	}
	so.w.sharedObjects().UseSharedObject(so.key, func(o OpenObject) {
		if err := f(o); err != nil {
			so.failed("SharedObject.Failed", err)
		}
	}, func(why string) { so.failed("SharedObject.Failed", errors.New(why)) })
}

// failed has the script told of a failure, from any goroutine.
func (so *sharedObject) failed(code string, err error) {
	if so.failures.Add(1) > maxFailures {
		so.failures.Add(-1)
		return
	}
	so.w.post(func() {
		so.failures.Add(-1)
		so.w.report(err)
		so.status(code, err)
	})
}

var errSlow = errors.New("the instance did not answer in time")

// askObject is what f finds out about an object, for which the script waits.
func askObject[T any](so *sharedObject, f func(OpenObject) T) (v T, err error) {
	type got struct {
		v   T
		why string
	}
	if so.closed {
		return v, nil
	}
	g, ok := ask(so.w, func(answer func(got)) {
		so.w.sharedObjects().UseSharedObject(so.key, func(o OpenObject) { answer(got{v: f(o)}) }, func(why string) { answer(got{why: why}) })
	})
	switch {
	case !ok:
		return v, fmt.Errorf("shared object %s: %w", so.key.Name, errSlow)
	case g.why != "":
		return v, errors.New(g.why)
	}
	return g.v, nil
}

func (w *world) sharedObjectProperties() []engine.Property {
	of := func(c *engine.Call) *sharedObject { return c.Self.(*sharedObject) }
	return []engine.Property{
		{Name: "name", Hidden: true, Get: func(c *engine.Call) (engine.Value, error) { return engine.String(of(c).key.Name), nil }},
		{Name: "version", Hidden: true, Get: func(c *engine.Call) (engine.Value, error) {
			n, err := askObject(of(c), OpenObject.Version)
			return engine.Number(float64(n)), err
		}},
		{Name: "isDirty", Hidden: true, Get: func(c *engine.Call) (engine.Value, error) {
			dirty, err := askObject(of(c), OpenObject.Dirty)
			return engine.Bool(dirty), err
		}},
		{
			Name: "autoCommit", Hidden: true,
			Get: func(c *engine.Call) (engine.Value, error) { return engine.Bool(of(c).autoCommit), nil },
			Set: func(c *engine.Call) error { of(c).autoCommit = c.Arg(0).Truth(); return nil },
		},
		{
			Name: "resyncDepth", Hidden: true,
			Get: func(c *engine.Call) (engine.Value, error) { return engine.Number(of(c).resyncDepth()), nil },
			Set: func(c *engine.Call) error {
				n, err := c.Runtime.ToNumber(c.Arg(0))
				if err != nil {
					return err
				}
				of(c).setResyncDepth(n)
				return nil
			},
		},
	}
}
