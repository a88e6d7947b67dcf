package script

import (
	"fmt"

	"flashpod.dev/flashpod/mediaserver/script/engine"
)

// A library is a class that is written in the script's language, and made when a script
// first asks for its name: most scripts use few, and each runtime would pay for all.
type library struct {
	name string // of the global object's property
	// program is a function of natives, which returns the class.
	program *engine.Program
	// natives are the functions of Go's that it gets, by name.
	natives map[string]engine.Func
	// made, if there is one, is told of the class.
	made func(class *engine.Object) error
}

// announcer makes a property that becomes what get gives when it is asked for. A script
// may put something else there.
var announcer = engine.NewProgram(engine.Source{Name: "lazy", Text: `(function (global, name, get) {
	Object.defineProperty(global, name, {configurable: true, enumerable: false, get: get, set: function (v) {
		Object.defineProperty(global, name, {value: v, writable: true, configurable: true, enumerable: false})
	}})
})`})

// announce makes the name of a library known.
func (w *world) announce(l library) error {
	return w.announceValue(l.name, func() (engine.Value, error) { return w.loadLibrary(l) })
}

// announceValue makes a property of the global object that make makes, once.
func (w *world) announceValue(name string, make func() (engine.Value, error)) error {
	if w.outward.announce == nil {
		f, err := w.rt.Run(announcer)
		if err != nil {
			return fmt.Errorf("announce %s: %w", name, err)
		}
		w.outward.announce = f.Object().Keep()
	}
	get, err := w.rt.NewFunction(name, 0, func(*engine.Call) (engine.Value, error) {
		v, err := make()
		if err != nil {
			return engine.Undefined, err
		}
		return v, w.global.Define(name, v, engine.Writable|engine.Configurable)
	})
	if err != nil {
		return fmt.Errorf("announce %s: %w", name, err)
	}
	defer get.Release()
	_, err = w.outward.announce.Call(engine.Undefined, w.global.Value(), engine.String(name), get.Value())
	return err
}

// loadLibrary makes a class.
func (w *world) loadLibrary(l library) (engine.Value, error) {
	f, err := w.rt.Run(l.program)
	if err != nil {
		return engine.Undefined, err
	}
	natives, err := w.rt.NewObject()
	if err != nil {
		return engine.Undefined, err
	}
	for name, f := range l.natives {
		o, err := w.rt.NewFunction(name, 0, f)
		if err != nil {
			return engine.Undefined, err
		}
		if err := natives.Set(name, o.Value()); err != nil {
			return engine.Undefined, err
		}
	}
	class, err := f.Object().Call(engine.Undefined, natives.Value())
	if err == nil {
		err = w.ours(l, class.Object())
	}
	if err == nil && l.made != nil {
		err = l.made(class.Object())
	}
	return class, err
}

// where is the script's place that is under way, as main.asc:12; "" if it is in none.
func (w *world) where() string {
	for _, p := range w.rt.Here() {
		if w.loaded[p.File].source != nil {
			return fmt.Sprintf("%s:%d", p.File, p.Line)
		}
	}
	return ""
}

// hide makes a property that for-in does not see.
func hide(o *engine.Object, name string, v engine.Value) error {
	return o.Define(name, v, engine.Writable|engine.Configurable)
}
