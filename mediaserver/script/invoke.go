package script

import (
	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/script/engine"
)

// maxOwed is how many calls of one client's methods may wait for their answers.
const maxOwed = 1000

// callClient is client.call(method, result object, arguments…). What stands in the
// result object's place and is none is passed over.
func (w *world) callClient(c *engine.Call) (engine.Value, error) {
	cl := c.Self.(*client)
	method, err := c.Runtime.ToString(c.Arg(0))
	if err != nil {
		return engine.Undefined, err
	}
	if cl.state != accepted && cl.state != pending {
		return engine.Bool(false), nil
	}
	args, err := w.out(rest(c.Args, 2))
	if err != nil {
		return engine.Undefined, err
	}
	result := c.Arg(1).Object()
	if result == nil {
		return engine.Bool(w.instance().Invoke(cl.info.ID, method, args, nil)), nil
	}
	if cl.owed >= maxOwed {
		return engine.Undefined, engine.RangeError("client.call(%q): %d calls of this client wait for answers, which is the most", method, maxOwed)
	}
	result.Keep()
	cl.owed++
	sent := w.instance().Invoke(cl.info.ID, method, args, func(a Answer) {
		w.postOr(func() {
			cl.owed--
			w.answered(result, method, a)
			result.Release()
			a.taken("")
		}, a.taken)
	})
	if !sent {
		cl.owed--
		w.after(result.Release)
	}
	return engine.Bool(sent), nil
}

// answered tells a result object what a call has come to.
func (w *world) answered(result *engine.Object, method string, a Answer) {
	handler := "onResult"
	if a.Error {
		handler = "onStatus"
		if a.Value == nil {
			a.Value = amf.NewObject("level", "error", "code", "NetConnection.Call.Failed",
				"description", "There is no answer to "+method+".")
		}
	}
	v, err := w.values.In(a.Value)
	if err != nil {
		w.report(err)
		return
	}
	w.call(result, handler, v)
}

// proxy is where calls of a method are sent on to.
type proxy struct {
	connection *engine.Object
	method     string
}

// maxProxies is how many methods may be sent on.
const maxProxies = 1000

// registerProxy sends calls of a method on to a NetConnection; null takes it back.
func (w *world) registerProxy(c *engine.Call) (engine.Value, error) {
	name, err := c.Runtime.ToString(c.Arg(0))
	if err != nil {
		return engine.Undefined, err
	}
	there := name
	if c.Arg(2).Kind() == engine.KindString {
		there = c.Arg(2).Text()
	}
	if old, ok := w.proxies[name]; ok {
		w.after(old.connection.Release)
		delete(w.proxies, name)
	}
	o := c.Arg(1).Object()
	if o == nil {
		return engine.Bool(true), nil
	}
	if len(w.proxies) >= maxProxies {
		return engine.Undefined, engine.RangeError("registerProxy: %d methods are sent on, which is the most", maxProxies)
	}
	w.proxies[name] = proxy{connection: o.Keep(), method: there}
	return engine.Bool(true), nil
}

// proxyCall answers a call with what another server says: as the script would ask it,
// by NetConnection.call.
func (w *world) proxyCall(p proxy, c Call) {
	result, err := w.rt.NewObject()
	if err != nil {
		w.failed(c, err)
		return
	}
	for name, failed := range map[string]bool{"onResult": false, "onStatus": true} {
		f, err := w.rt.NewFunction(name, 1, func(call *engine.Call) (engine.Value, error) {
			v, err := w.values.Out(call.Arg(0))
			switch {
			case err != nil:
				c.Answer(CallAnswer{Failed: err.Error()})
			case failed:
				c.Answer(CallAnswer{Value: v, Failed: descriptionOf(v)})
			default:
				c.Answer(CallAnswer{Value: v})
			}
			return engine.Undefined, nil
		})
		if err == nil {
			err = result.Set(name, f.Value())
		}
		if err != nil {
			w.failed(c, err)
			return
		}
	}
	args, err := w.values.InAll(c.Args)
	if err != nil {
		w.failed(c, err)
		return
	}
	args = append([]engine.Value{engine.String(p.method), result.Value()}, args...)
	if v, ok := w.call(p.connection, "call", args...); !ok || v.Kind() == engine.KindBool && !v.Bool() {
		c.Answer(CallAnswer{Failed: "the connection that " + c.Method + " is sent on by is not there"})
	}
}

// descriptionOf is the text of an error that another server has answered with.
func descriptionOf(v amf.Value) string {
	if o, ok := v.(*amf.Object); ok {
		if d, ok := o.Get("description"); ok {
			if text, ok := d.(string); ok && text != "" {
				return text
			}
		}
	}
	return "the other server answered with an error"
}
