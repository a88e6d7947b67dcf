package script

import (
	"fmt"
	"math"
	"path"
	"strings"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/script/engine"
	"flashpod.dev/flashpod/mediaserver/sharedobject"
)

// objectMethod is a method of the class, for an object that may be closed.
type objectMethod func(so *sharedObject, c *engine.Call) (engine.Value, error)

func (w *world) sharedObjectMethods() []engine.Method {
	method := func(name string, length int, f objectMethod) engine.Method {
		return engine.Method{Name: name, Length: length, Func: func(c *engine.Call) (engine.Value, error) {
			return f(c.Self.(*sharedObject), c)
		}}
	}
	return []engine.Method{
		method("getProperty", 1, (*sharedObject).getProperty),
		method("getPropertyNames", 0, (*sharedObject).getPropertyNames),
		method("setProperty", 2, (*sharedObject).setProperty),
		method("size", 0, (*sharedObject).size),
		method("send", 1, (*sharedObject).send),
		method("mark", 1, (*sharedObject).send), // between changes that are told together, at its place among them
		method("clear", 0, (*sharedObject).clear),
		method("lock", 0, (*sharedObject).lock),
		method("unlock", 0, (*sharedObject).unlock),
		method("purge", 1, (*sharedObject).purge),
		method("flush", 0, (*sharedObject).flush),
		method("close", 0, (*sharedObject).close),
	}
}

// getProperty is a copy of what is in a slot: undefined if there is none.
func (so *sharedObject) getProperty(c *engine.Call) (engine.Value, error) {
	name, err := c.Runtime.ToString(c.Arg(0))
	if err != nil {
		return engine.Undefined, err
	}
	v, err := askObject(so, func(o OpenObject) sharedobject.Value {
		v, _ := o.Get(name)
		return v
	})
	if err != nil || len(v.Raw) == 0 {
		return engine.Undefined, err
	}
	a, _, err := amf.Decode(v.Raw)
	if err != nil {
		return engine.Undefined, fmt.Errorf("shared object %s, slot %s: %w", so.key.Name, name, err)
	}
	return so.w.values.In(a)
}

func (so *sharedObject) getPropertyNames(*engine.Call) (engine.Value, error) {
	names, err := askObject(so, OpenObject.Names)
	if err != nil {
		return engine.Undefined, err
	}
	list := amf.NewArray()
	for _, name := range names {
		list.Items = append(list.Items, name)
	}
	return so.w.values.In(list)
}

func (so *sharedObject) size(*engine.Call) (engine.Value, error) {
	n, err := askObject(so, OpenObject.Len)
	return engine.Number(float64(n)), err
}

// setProperty puts a value into a slot; null and undefined delete it.
func (so *sharedObject) setProperty(c *engine.Call) (engine.Value, error) {
	name, err := c.Runtime.ToString(c.Arg(0))
	if err != nil {
		return engine.Undefined, err
	}
	if k := c.Arg(1).Kind(); k == engine.KindUndefined || k == engine.KindNull {
		so.change(name, func(o OpenObject) error { return o.Delete(name) })
		return engine.Bool(!so.closed), nil
	}
	v, err := so.encode(c.Arg(1))
	if err != nil {
		return engine.Undefined, err
	}
	so.change(name, func(o OpenObject) error { return o.Set(name, v) })
	return engine.Bool(!so.closed), nil
}

// change changes a slot, and has the server told that keeps the object.
func (so *sharedObject) change(name string, f func(OpenObject) error) {
	p := so.proxied
	so.use(func(o OpenObject) error {
		err := f(o)
		if p != nil && err == nil {
			p.scriptChanged(o, name)
		}
		return err
	})
}

// encode makes values those of a slot or a message, in the script's goroutine: the
// owner does not have to.
func (so *sharedObject) encode(args ...engine.Value) (sharedobject.Value, error) {
	all, err := so.w.values.OutAll(args)
	if err != nil {
		return sharedobject.Value{}, err
	}
	v, err := sharedobject.NewValue(all...)
	if err != nil {
		return v, fmt.Errorf("shared object %s: %w", so.key.Name, err)
	}
	return v, nil
}

// send calls a handler of all clients that use the object.
func (so *sharedObject) send(c *engine.Call) (engine.Value, error) {
	handler, err := c.Runtime.ToString(c.Arg(0))
	if err != nil {
		return engine.Undefined, err
	}
	v, err := so.encode(append([]engine.Value{engine.String(handler)}, rest(c.Args, 1)...)...)
	if err != nil {
		return engine.Undefined, err
	}
	if p := so.proxied; p != nil {
		so.use(func(OpenObject) error { p.send(v, true); return nil })
		return engine.Bool(!so.closed), nil
	}
	so.use(func(o OpenObject) error { return o.Send(v) })
	return engine.Bool(!so.closed), nil
}

func (so *sharedObject) clear(*engine.Call) (engine.Value, error) {
	p := so.proxied
	so.use(func(o OpenObject) error {
		err := o.Clear()
		if p != nil && err == nil {
			p.clear()
		}
		return err
	})
	return engine.Bool(!so.closed), nil
}

// lock and unlock return how many locks there are then: those of the script, which
// nobody else can take back. One of another server cannot be locked: -1.
func (so *sharedObject) lock(*engine.Call) (engine.Value, error) {
	switch {
	case so.closed:
		return engine.Number(0), nil
	case so.proxied != nil:
		return engine.Number(-1), nil
	}
	so.locks++
	so.use(func(o OpenObject) error { o.Lock(); return nil })
	return engine.Number(float64(so.locks)), nil
}

func (so *sharedObject) unlock(*engine.Call) (engine.Value, error) {
	switch {
	case so.proxied != nil && !so.closed:
		return engine.Number(-1), nil
	case so.closed || so.locks == 0:
		return engine.Number(0), nil
	}
	so.locks--
	so.use(func(o OpenObject) error { o.Unlock(); return nil })
	return engine.Number(float64(so.locks)), nil
}

func (so *sharedObject) purge(c *engine.Call) (engine.Value, error) {
	n, err := c.Runtime.ToNumber(c.Arg(0))
	if err != nil {
		return engine.Undefined, err
	}
	if version := versions(n); version > 0 {
		so.use(func(o OpenObject) error { o.Purge(version); return nil })
	}
	return engine.Undefined, nil
}

// flush says whether the object is one that is kept: what changes is written within a
// second in any case.
func (so *sharedObject) flush(*engine.Call) (engine.Value, error) {
	return engine.Bool(!so.closed && so.key.Persistent && so.proxied == nil), nil
}

func (so *sharedObject) close(*engine.Call) (engine.Value, error) {
	if !so.closed {
		if p := so.proxied; p != nil {
			so.use(func(OpenObject) error { p.leave(); return nil })
		}
		so.w.sharedObjects().CloseSharedObject(so.key)
		so.forget()
	}
	return engine.Undefined, nil
}

// resyncDepth is how many versions a client may miss and still hear the changes alone;
// without one it is any number.
func (so *sharedObject) resyncDepth() float64 {
	if so.depth == 0 {
		return math.Inf(1)
	}
	return so.depth
}

// setResyncDepth: what is below 1 or no number is any number, as infinity is.
func (so *sharedObject) setResyncDepth(n float64) {
	depth := versions(n)
	if so.depth = float64(depth); math.IsInf(n, 1) {
		so.depth, depth = 0, 0
	}
	so.use(func(o OpenObject) error { o.SetResyncDepth(depth); return nil })
}

// versions is a number of versions: 0 for what is none.
func versions(n float64) uint32 {
	if !(n >= 1) {
		return 0
	}
	return uint32(min(n, math.MaxUint32))
}

// clearSharedObjects(path) is application's: it empties the object of that name, or all
// that a last part with * or ? stands for; "/" is all there are.
func (w *world) clearSharedObjects(c *engine.Call) (engine.Value, error) {
	pattern, err := c.Runtime.ToString(c.Arg(0))
	if err != nil || c.Arg(0).Kind() == engine.KindUndefined {
		return engine.Bool(false), err
	}
	match := objectsLike(pattern)
	if match == nil {
		return engine.Bool(false), nil
	}
	w.sharedObjects().ClearSharedObjects(match)
	return engine.Bool(true), nil
}

// objectsLike says which names a path stands for; nil: it can be none.
func objectsLike(pattern string) func(name string) bool {
	if pattern == "/" {
		return func(string) bool { return true }
	}
	pattern = strings.TrimPrefix(pattern, "/")
	folder, last := path.Split(pattern)
	if last == "" || len(pattern) > maxMethod || strings.ContainsAny(folder, "*?") {
		return nil
	}
	last = strings.NewReplacer(`\`, `\\`, "[", `\[`).Replace(last)
	return func(name string) bool {
		in, part := path.Split(name)
		ok, _ := path.Match(last, part)
		return ok && in == folder
	}
}
