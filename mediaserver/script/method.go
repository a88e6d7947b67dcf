package script

import (
	"errors"
	"strings"

	"flashpod.dev/flashpod/mediaserver/logs"
	"flashpod.dev/flashpod/mediaserver/script/engine"
)

const (
	// maxMethod is how long a method's name may be, and maxPath how many objects may
	// stand before it.
	maxMethod = 1024
	maxPath   = 16
)

// reserved are names that mean something else on a connection, and functions that Flash
// Media Server kept from clients: they are never the script's.
var reserved = setOf("connect", "createStream", "deleteStream", "closeStream", "play", "publish", "pause", "seek", "receiveAudio",
	"receiveVideo", "onStatus", "getBandwidthLimit", "setBandwidthLimit", "getStats", "ping")

// hidden are names that lead from an object to what made it, or are the language's own
// questions to it.
var hidden = setOf("__proto__", "constructor", "prototype", "__resolve", "__dialect", "toString", "valueOf", "toSource",
	"toLocaleString", "toJSON")

func setOf(names ...string) map[string]bool {
	set := map[string]bool{}
	for _, n := range names {
		set[n] = true
	}
	return set
}

// clientCall answers a client's call by a method of the script's.
func (w *world) clientCall(c Call) {
	cl := w.clients[c.Client]
	if cl == nil || cl.state != accepted {
		c.Answer(CallAnswer{Failed: "the client is not connected"})
		return
	}
	w.doing = logs.Clean(c.Method, logs.MaxValue)
	if p, ok := w.proxies[c.Method]; ok {
		w.proxyCall(p, c)
		return
	}
	this, f, err := w.resolve(cl, c.Method)
	if err != nil {
		w.failed(c, err)
		return
	}
	if f == nil {
		c.Answer(CallAnswer{Missing: true, Failed: "Method not found (" + logs.Clean(c.Method, logs.MaxValue) + ")."})
		return
	}
	args, err := w.values.InAll(c.Args)
	if err != nil {
		w.failed(c, err)
		return
	}
	v, err := f.Call(this.Value(), args...)
	if err != nil {
		w.failed(c, err)
		return
	}
	result, err := w.values.Out(v)
	if err != nil {
		w.failed(c, err)
		return
	}
	c.Answer(CallAnswer{Value: result})
}

// failed answers a call that the script could not.
func (w *world) failed(c Call, err error) {
	w.report(err)
	c.Answer(CallAnswer{Failed: message(err)})
}

// message is what a client is told of an error: what the script said, without where.
func message(err error) string {
	var e *engine.Error
	if !errors.As(err, &e) {
		return err.Error()
	}
	switch {
	case e.Message != "":
		return e.Message
	case e.Kind != nil:
		return e.Kind.Error()
	}
	return e.Name
}

// resolve finds the method that a client names, and the object that it is of: a
// function that the script wrote, on the client, what it inherits from, or an object
// that hangs there and is the script's own. __resolve is asked for what is missing, as everywhere in a script.
func (w *world) resolve(c *client, name string) (this, f *engine.Object, err error) {
	if len(name) > maxMethod || reserved[name] {
		return nil, nil, nil
	}
	this = c.object
	if strings.ContainsAny(name, "./") {
		if f := w.method(this, name); f != nil && w.written(f) {
			return this, f, nil // it is all one name
		}
	}
	path := strings.FieldsFunc(name, func(r rune) bool { return r == '.' || r == '/' })
	if len(path) == 0 || len(path) > maxPath {
		return nil, nil, nil
	}
	for i, part := range path {
		if hidden[part] || strings.HasPrefix(part, "__define") || strings.HasPrefix(part, "__lookup") {
			return nil, nil, nil
		}
		if open, err := w.open(c, this, part); err != nil || !open {
			return nil, nil, err
		}
		v, err := this.Get(part)
		if err != nil || v.Object() == nil {
			return nil, nil, err
		}
		o := v.Object()
		written := !o.IsFunction() || w.written(o)
		if !written {
			return nil, nil, nil // the language's own, the dialect's, or ours
		}
		if i == len(path)-1 {
			if o.IsFunction() {
				return this, o, nil
			}
			return nil, nil, nil
		}
		this = o
	}
	return nil, nil, nil
}

// written says whether a function is one that the script wrote: in a file that it has
// loaded, or in what it gave to eval. Parts of the dialect come from eval, too, and all
// else that is written in the language is the server's.
func (w *world) written(f *engine.Object) bool {
	at, ok := f.Written()
	switch {
	case !ok:
		return false
	case w.loaded[at.File].source != nil:
		return true
	case at.File != evaluated:
		return false
	}
	v, err := w.isNative.Call(engine.Undefined, f.Value())
	return err == nil && !v.Truth()
}

// evaluated is the file of what eval makes, as the engine has it.
const evaluated = "<input>"
