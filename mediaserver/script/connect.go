package script

import (
	"time"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/script/engine"
)

// connect asks onConnect about a client.
func (w *world) connect(info Client, args []amf.Value) {
	if w.clients[info.ID] != nil {
		return
	}
	no := func(why string) { w.instance().Reject(info.ID, Rejection{Description: why}) }
	if w.broken != "" {
		no("the application's script is not in order: " + w.broken)
		return
	}
	if w.pending >= w.host.cfg.Pending {
		no("too many clients wait for the application's script to decide about them: try again in a moment")
		return
	}
	c, err := w.newClient(info)
	if err != nil {
		w.report(err)
		no(err.Error())
		return
	}
	given, err := w.values.InAll(args)
	if err != nil {
		w.report(err)
		w.reject(c, Rejection{Description: err.Error()})
		return
	}
	given = append([]engine.Value{c.object.Value()}, given...)
	c.after = func(handler string) { w.afterDecision(handler, c, args) }
	f := w.method(w.application.object, "onConnect")
	if f == nil {
		w.accept(c)
		return
	}
	w.doing = "onConnect"
	v, err := f.Call(w.application.object.Value(), given...)
	switch {
	case err != nil:
		w.report(err)
		w.reject(c, Rejection{Description: message(err)})
	case v.Kind() != engine.KindBool:
		w.wait(c)
	case v.Bool():
		w.accept(c)
	default:
		w.reject(c, Rejection{})
	}
}

// wait leaves a client pending for a time.
func (w *world) wait(c *client) {
	if c.state != pending {
		return
	}
	c.limit = time.AfterFunc(w.host.cfg.PendingTime, func() {
		w.post(func() {
			w.reject(c, Rejection{Description: "the application's script did not decide in time"})
		})
	})
}

// decide notes what has become of a client that was pending; false: it was not.
func (w *world) decide(c *client, to clientState) bool {
	if c.state != pending {
		return false
	}
	c.state = to
	w.pending--
	if c.limit != nil {
		c.limit.Stop()
	}
	return true
}

// accept lets a client in that is pending.
func (w *world) accept(c *client) bool {
	if !w.decide(c, accepted) {
		return false
	}
	w.instance().Accept(c.info.ID)
	n, err := w.application.clients.Get("length")
	if err == nil {
		err = w.application.clients.SetIndex(uint32(n.Number()), c.object.Value())
	}
	if err != nil {
		w.report(err)
	}
	w.tell(c, "onConnectAccept")
	return true
}

// reject does not.
func (w *world) reject(c *client, why Rejection) bool {
	if !w.decide(c, rejected) {
		return false
	}
	w.instance().Reject(c.info.ID, why)
	w.tell(c, "onConnectReject")
	return true
}

// tell calls the handler that comes after a decision.
func (w *world) tell(c *client, handler string) {
	f := c.after
	c.after = nil // what was given to connect is needed no more
	if f != nil && w.application.object != nil {
		w.after(func() { f(handler) })
	}
}

// afterDecision calls onConnectAccept or onConnectReject. Where the component
// framework is loaded, which calls them itself, it does not.
func (w *world) afterDecision(handler string, c *client, args []amf.Value) {
	if w.method(w.application.object, handler) == nil {
		return
	}
	if framework, err := w.global.Has("gFrameworkFC"); err != nil || framework {
		return
	}
	given, err := w.values.InAll(args)
	if err != nil {
		w.report(err)
		return
	}
	w.call(w.application.object, handler, append([]engine.Value{c.object.Value()}, given...)...)
}

// leave tells the script that a client has gone.
func (w *world) leave(id string) {
	c := w.clients[id]
	if c == nil {
		return
	}
	delete(w.clients, id)
	was := c.state
	w.decide(c, gone)
	c.state, c.after = gone, nil
	if was == accepted {
		w.unlist(c)
	}
	if was != rejected && w.broken == "" {
		w.call(w.application.object, "onDisconnect", c.object.Value())
	}
	c.forget()
}

// unlist takes a client out of application.clients.
func (w *world) unlist(c *client) {
	a := &w.application
	i, err := a.indexOf.Call(a.clients.Value(), c.object.Value())
	if err == nil && i.Number() >= 0 {
		_, err = a.splice.Call(a.clients.Value(), i, engine.Number(1))
	}
	if err != nil {
		w.report(err)
	}
}

func (w *world) acceptConnection(c *engine.Call) (engine.Value, error) {
	return engine.Bool(w.withClient(c, w.accept)), nil
}

// rejectConnection takes an object for the client to read, a description, or both.
func (w *world) rejectConnection(c *engine.Call) (engine.Value, error) {
	why, err := w.reason(rest(c.Args, 1))
	if err != nil {
		return engine.Undefined, err
	}
	return engine.Bool(w.withClient(c, func(cl *client) bool { return w.reject(cl, why) })), nil
}

func (w *world) redirectConnection(c *engine.Call) (engine.Value, error) {
	url, err := c.Runtime.ToString(c.Arg(1))
	if err != nil {
		return engine.Undefined, err
	}
	why, err := w.reason(rest(c.Args, 2))
	if err != nil {
		return engine.Undefined, err
	}
	why.Redirect = url
	return engine.Bool(w.withClient(c, func(cl *client) bool { return w.reject(cl, why) })), nil
}

// reason is why a client is rejected: [description,] [object]. A text alone is both.
func (w *world) reason(args []engine.Value) (why Rejection, err error) {
	if len(args) > 0 && args[0].Kind() == engine.KindString {
		why.Description = args[0].Text()
		if len(args) > 1 {
			args = args[1:]
		}
	}
	if len(args) > 0 && args[0].Kind() != engine.KindUndefined {
		why.Application, err = w.values.Out(args[0])
	}
	return why, err
}

// disconnect ends a client's connection, and onDisconnect follows. Until then it stays
// in application.clients, or a loop that counts up, which Flash Media Server's reference
// has for all clients, would skip every other one; a script that asks again finds it
// there still, and takes it out, so that one that goes on while there are clients ends.
func (w *world) disconnect(c *engine.Call) (engine.Value, error) {
	return engine.Bool(w.withClient(c, func(cl *client) bool {
		switch {
		case cl.state == gone:
			return false
		case cl.told:
			w.unlist(cl)
			return true
		}
		cl.told = true
		w.decide(cl, rejected)
		w.instance().Disconnect(cl.info.ID)
		return true
	})), nil
}

// withClient calls f with the client that is the first argument; false: it is none.
func (w *world) withClient(c *engine.Call, f func(*client) bool) bool {
	o := c.Arg(0).Object()
	if o == nil {
		return false
	}
	cl, ok := o.Host().(*client)
	return ok && f(cl)
}

// published tells onPublish or onUnpublish of a client's stream.
func (w *world) published(id string, s StreamInfo, handler string) {
	c := w.clients[id]
	if c == nil {
		return
	}
	if known := w.streams.named[s.Name]; known != nil {
		known.query, known.mode = s.Query, s.Mode
	}
	if w.method(w.application.object, handler) == nil {
		return
	}
	stream, err := w.publishedStream(s)
	if err != nil {
		w.report(err)
		return
	}
	w.call(w.application.object, handler, c.object.Value(), stream)
}
