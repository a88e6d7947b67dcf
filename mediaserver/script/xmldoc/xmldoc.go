package xmldoc

import (
	_ "embed"
	"fmt"

	"flashpod.dev/flashpod/mediaserver/script/engine"
)

//go:embed xml.js
var source string

var program = engine.NewProgram(engine.Source{Name: "xml", Text: source})

// Classes are XML and XMLNode as one runtime has them. They are used by its owner.
type Classes struct {
	rt      *engine.Runtime
	global  *engine.Object
	defined bool
	hooks   []func(prototype *engine.Object) error

	put                     [len(names)]*engine.Object // make properties of the global object the classes
	xml, node, isNode, text *engine.Object
}

var names = [...]string{"XML", "XMLNode"}

// New makes both classes known to a runtime's global object. They are made when
// something asks for one of them.
func New(rt *engine.Runtime) (*Classes, error) {
	c := &Classes{rt: rt}
	err := rt.Scope(func() error {
		global, err := rt.Global()
		if err != nil {
			return err
		}
		c.global = global.Keep()
		return c.announce()
	})
	if err != nil {
		return nil, fmt.Errorf("make the classes XML and XMLNode known: %w", err)
	}
	return c, nil
}

// announcer gives the global object a property that becomes a class when it is asked for, and what makes it so.
var announcer = engine.NewProgram(engine.Source{Name: "xml", Text: `(function (global, name, get) {
	const {defineProperty, getOwnPropertyDescriptor} = Object;
	const put = (v) => defineProperty(global, name, {value: v, writable: true, configurable: true, enumerable: false});
	defineProperty(global, name, {configurable: true, enumerable: false, get: get, set: put});
	return (v) => { if (getOwnPropertyDescriptor(global, name)?.get === get) put(v) };
})`})

// announce makes properties of the global object that become the classes when they
// are asked for. A script may have another one under the name.
func (c *Classes) announce() error {
	later, err := c.rt.Run(announcer)
	if err != nil {
		return err
	}
	for i, name := range names {
		get, err := c.rt.NewFunction(name, 0, func(*engine.Call) (engine.Value, error) {
			if err := c.define(); err != nil {
				return engine.Undefined, err
			}
			return c.global.Get(name)
		})
		if err != nil {
			return err
		}
		put, err := later.Object().Call(engine.Undefined, c.global.Value(), engine.String(name), get.Value())
		if err != nil {
			return err
		}
		c.put[i] = put.Object().Keep()
	}
	return nil
}

// OnDefine has f called with XML's prototype, to which it may add methods, before a
// script sees the class, or at once where it has. It runs inside of a call.
func (c *Classes) OnDefine(f func(prototype *engine.Object) error) error {
	c.hooks = append(c.hooks, f)
	if !c.defined {
		return nil
	}
	return c.rt.Scope(func() error { return c.hook(f) })
}

func (c *Classes) hook(f func(*engine.Object) error) error {
	prototype, err := c.xml.Get("prototype")
	if err != nil {
		return err
	}
	return f(prototype.Object())
}

// define makes the classes, once.
func (c *Classes) define() error {
	if c.defined {
		return nil
	}
	return c.rt.Scope(func() error {
		load, err := c.rt.Run(program)
		if err != nil {
			return err
		}
		made, err := load.Object().Call(engine.Undefined)
		if err != nil {
			return err
		}
		for i, to := range []**engine.Object{&c.xml, &c.node, &c.isNode, &c.text} {
			v, err := made.Object().Index(uint32(i))
			if err != nil {
				return err
			}
			*to = v.Object().Keep()
		}
		c.defined = true
		for i, class := range []*engine.Object{c.xml, c.node} {
			if _, err := c.put[i].Call(engine.Undefined, class.Value()); err != nil {
				return err
			}
		}
		for _, f := range c.hooks {
			if err := c.hook(f); err != nil {
				return err
			}
		}
		return nil
	})
}

// Parse makes a document of a text. It lives as all that is got from the engine.
func (c *Classes) Parse(text string) (*engine.Object, error) {
	if err := c.define(); err != nil {
		return nil, err
	}
	v, err := c.xml.New(engine.String(text))
	return v.Object(), err
}

// Is says whether an object is a document, or a node of one.
func (c *Classes) Is(o *engine.Object) (bool, error) {
	if !c.defined {
		return false, nil
	}
	v, err := c.isNode.Call(engine.Undefined, o.Value())
	return v.Bool(), err
}

// Text is the text of a document or a node.
func (c *Classes) Text(o *engine.Object) (string, error) {
	if !c.defined {
		return "", fmt.Errorf("%w: no document", engine.ErrValue)
	}
	v, err := c.text.Call(engine.Undefined, o.Value())
	return v.Text(), err
}
