package values

import (
	"errors"
	"fmt"

	"flashpod.dev/flashpod/mediaserver/script/engine"
	"flashpod.dev/flashpod/mediaserver/script/xmldoc"
)

// Values converts the values of one runtime, and is used by its owner alone.
type Values struct {
	rt    *engine.Runtime
	enter *engine.Object // calls begun
	begun func() (engine.Value, error)

	plain   *engine.Object // Object.prototype
	aliases *engine.Type   // prototypes of objects whose class nobody has registered
	maps    maps
	bytes   byteArrays

	// XML is the script's classes of documents.
	XML *xmldoc.Classes

	classes map[string]registered // by alias
	order   int
}

// registered is a constructor of Register's.
type registered struct {
	constructor *engine.Object
	order       int
}

// New makes the converter of a runtime that has run no script yet. The global object
// gets the classes ByteArray, XML and XMLNode.
func New(rt *engine.Runtime) (*Values, error) {
	v := &Values{rt: rt, classes: map[string]registered{}}
	err := rt.Scope(v.define)
	if err == nil {
		v.XML, err = xmldoc.New(rt)
	}
	if err != nil {
		return nil, fmt.Errorf("make a script's values: %w", err)
	}
	return v, nil
}

func (v *Values) define() error {
	global, err := v.rt.Global()
	if err != nil {
		return err
	}
	object, err := global.Get("Object")
	if err != nil {
		return err
	}
	plain, err := object.Object().Get("prototype")
	if err != nil {
		return err
	}
	v.plain = plain.Object().Keep()
	if v.aliases, err = v.rt.Define(engine.Class{Name: "Object"}); err != nil {
		return err
	}
	enter, err := v.rt.NewFunction("values", 0, func(*engine.Call) (engine.Value, error) {
		f := v.begun
		v.begun = nil
		return f()
	})
	if err != nil {
		return err
	}
	v.enter = enter.Keep()
	if err := v.maps.find(global); err != nil {
		return err
	}
	return v.bytes.define(v, global)
}

// within runs f in one call of the engine, so that one limit of time is for all that f
// asks of it. What f returns lives as what was got from the engine where within was
// called; everything else that f got is released.
func (v *Values) within(f func() (engine.Value, error)) (engine.Value, error) {
	var failed error
	v.begun = func() (got engine.Value, err error) {
		got, failed = f()
		return got, failed
	}
	got, err := v.enter.Call(engine.Undefined)
	var script *engine.Error
	if err != nil && failed != nil && !errors.As(failed, &script) {
		return engine.Undefined, failed // what the engine makes of it has its text alone
	}
	return got, err
}

// Register has objects of a class be made by a constructor when they arrive, and
// objects that it has made leave with the name of the class. An object that arrives
// gets its properties after the constructor, which is called without arguments, and
// then its method onInitialize is called, if it has one. nil takes the constructor of
// the class back. What is no function is a TypeError.
func (v *Values) Register(alias string, constructor *engine.Object) error {
	if constructor != nil && !constructor.IsFunction() {
		return engine.TypeError("class %s: what makes its objects must be a function", alias)
	}
	v.classes[alias].constructor.Release()
	delete(v.classes, alias)
	if constructor == nil || alias == "" {
		return nil
	}
	if len(v.classes) >= maxClasses {
		return engine.RangeError("class %s: %d classes are registered: at most %d", alias, len(v.classes), maxClasses)
	}
	// A second hold of the object's, whatever becomes of the one that was given.
	held, err := v.hold(constructor)
	if err != nil {
		return err
	}
	v.order++
	v.classes[alias] = registered{held, v.order}
	return nil
}

// maxClasses bounds what Register keeps.
const maxClasses = 1000

// hold is another Object of the same object, kept until it is released.
func (v *Values) hold(o *engine.Object) (*engine.Object, error) {
	got, err := v.within(func() (engine.Value, error) { return o.Value(), nil })
	if err != nil {
		return nil, err
	}
	return got.Object().Keep(), nil
}

func tooLarge(limit int) error {
	return fmt.Errorf("%w: larger than %d bytes", engine.ErrValue, limit)
}

func tooDeep(limit int) error {
	return fmt.Errorf("%w: more than %d levels deep", engine.ErrValue, limit)
}
