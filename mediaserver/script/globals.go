package script

import (
	"strings"

	"flashpod.dev/flashpod/mediaserver/script/engine"
)

// defineGlobals makes the functions that scripts find without an object.
func defineGlobals(w *world) error {
	for _, g := range []struct {
		name   string
		length int
		f      engine.Func
	}{
		{"trace", 1, w.trace},
		{"load", 1, w.load},
		{"setInterval", 2, w.setInterval},
		{"setTimeout", 2, w.setTimeout},
		{"clearInterval", 1, w.clearInterval},
		{"clearTimeout", 1, w.clearInterval},
		{"getGlobal", 0, func(*engine.Call) (engine.Value, error) { return w.global.Value(), nil }},
		{"protectObject", 1, w.protectObject},
		{"setAttributes", 5, setAttributes},
	} {
		f, err := w.rt.NewFunction(g.name, g.length, g.f)
		if err != nil {
			return err
		}
		if err := w.global.Define(g.name, f.Value(), engine.Writable|engine.Configurable); err != nil {
			return err
		}
	}
	return w.defineNative()
}

// defineNative remembers how the dialect tells its own functions from the script's.
func (w *world) defineNative() error {
	d, err := w.global.Get("__dialect")
	if err != nil {
		return err
	}
	f, err := d.Object().Get("native")
	if err != nil {
		return err
	}
	w.isNative = f.Object().Keep()
	return nil
}

// maxTrace is how much of a text the log gets, in lines.
const maxTrace = 20

// trace writes to the log.
func (w *world) trace(c *engine.Call) (engine.Value, error) {
	var all []string
	for _, v := range c.Args {
		s, err := c.Runtime.ToString(v)
		if err != nil {
			return engine.Undefined, err
		}
		all = append(all, s)
	}
	n := 0
	for line := range strings.Lines(strings.Join(all, " ")) {
		if n++; n > maxTrace {
			break
		}
		dropped, ok := w.said.traces.take()
		if !ok {
			break
		}
		line = strings.TrimRight(line, "\r\n")
		if dropped > 0 {
			w.log.Info("trace", "text", line, "left_out", dropped)
			continue
		}
		w.log.Info("trace", "text", line)
	}
	return engine.Undefined, nil
}

// protectObject gives an object that has the methods of another, and hides what they
// work on.
func (w *world) protectObject(c *engine.Call) (engine.Value, error) {
	o := c.Arg(0).Object()
	if o == nil {
		return c.Arg(0), nil
	}
	if w.types.protected == nil {
		class, err := c.Runtime.Define(engine.Class{Name: "Object", Dynamic: &engine.Dynamic{
			Get: w.protectedMethod,
			Set: func(any, string, engine.Value) (bool, error) { return true, nil },
		}, Gone: func(host any) {
			w.after(host.(*engine.Object).Release)
		}})
		if err != nil {
			return engine.Undefined, err
		}
		w.types.protected = class
	}
	p, err := w.types.protected.New(o.Keep())
	return p.Value(), err
}

func (w *world) protectedMethod(host any, name string) (engine.Value, bool, error) {
	o := host.(*engine.Object)
	v, err := o.Get(name)
	if err != nil || v.Object() == nil || !v.Object().IsFunction() {
		return engine.Undefined, false, err
	}
	f, err := w.rt.NewFunction(name, 0, func(c *engine.Call) (engine.Value, error) {
		v, err := o.Get(name)
		if err != nil {
			return engine.Undefined, err
		}
		return v.Object().Call(o.Value(), c.Args...)
	})
	return f.Value(), err == nil, err
}

// setAttributes(object, name, enumerable, readonly, permanent) says what may be done
// with a property.
func setAttributes(c *engine.Call) (engine.Value, error) {
	o := c.Arg(0).Object()
	if o == nil {
		return engine.Undefined, nil
	}
	name, err := c.Runtime.ToString(c.Arg(1))
	if err != nil {
		return engine.Undefined, err
	}
	v, err := o.Get(name)
	if err != nil {
		return engine.Undefined, err
	}
	var flags engine.Flags
	if c.Arg(2).Truth() {
		flags |= engine.Enumerable
	}
	if !c.Arg(3).Truth() {
		flags |= engine.Writable
	}
	if !c.Arg(4).Truth() {
		flags |= engine.Configurable
	}
	return engine.Undefined, o.Define(name, v, flags)
}
