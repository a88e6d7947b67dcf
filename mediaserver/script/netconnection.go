package script

import (
	_ "embed"
	"fmt"
	"strings"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/script/engine"
)

//go:embed netconnection.js
var netConnectionSource string

var netConnectionProgram = engine.NewProgram(engine.Source{Name: "(NetConnection)", Text: netConnectionSource})

// connection is what a NetConnection is connected to: a gateway of Flash Remoting or an
// application.
type connection interface {
	// call calls a method. o is the NetConnection, responder who is told of the answer, or
	// nil. false: it was not sent.
	call(o *engine.Object, method string, responder *engine.Object, args []amf.Value) (bool, error)
	connectedNow() bool
	uri() string
	close() // as the script asks for it
	leave() // for another connection: nothing more is heard of this one
}

// defineNetConnection makes NetConnection known, by which scripts reach other servers:
// applications by rtmp and rtmps, of which onStatus says what becomes of connect, and
// gateways of Flash Remoting by http and https, where connect is done at once, since
// nothing is asked before the first call. A call's answer is its responder's onResult or
// onStatus.
func defineNetConnection(w *world) error {
	return w.announce(library{
		name: "NetConnection", program: netConnectionProgram,
		natives: map[string]engine.Func{
			"connect": w.netConnect, "call": w.netCall, "close": netClose, "addHeader": w.netHeader,
			"connected": func(c *engine.Call) (engine.Value, error) {
				to, err := connectionOf(c.Arg(0).Object())
				return engine.Bool(to != nil && to.connectedNow()), err
			},
			"uri": func(c *engine.Call) (engine.Value, error) {
				to, err := connectionOf(c.Arg(0).Object())
				if to == nil {
					return engine.Undefined, err
				}
				return engine.String(to.uri()), err
			},
		},
	})
}

const connectionName = "_connection"

// connectionOf is what a NetConnection is connected to, or nil.
func connectionOf(o *engine.Object) (connection, error) {
	if o == nil {
		return nil, nil
	}
	v, err := o.Get(connectionName)
	if err != nil || v.Object() == nil {
		return nil, err
	}
	to, _ := v.Object().Host().(connection)
	return to, nil
}

// netConnect is connect(uri, arguments…).
func (w *world) netConnect(c *engine.Call) (engine.Value, error) {
	o, uri := c.Arg(0).Object(), strings.TrimSpace(c.Arg(1).Text())
	if o == nil {
		return engine.Undefined, engine.TypeError("NetConnection.connect was called on what is no object")
	}
	if uri == "" || len(uri) > maxURL {
		return engine.Bool(false), nil
	}
	args, err := w.out(rest(c.Args, 2))
	if err != nil {
		return engine.Undefined, err
	}
	if old, err := connectionOf(o); err != nil {
		return engine.Undefined, err
	} else if old != nil {
		old.leave()
	}
	var to connection
	switch scheme, _, _ := strings.Cut(strings.ToLower(uri), "://"); scheme {
	case "http", "https":
		to = &gateway{w: w, url: uri}
	case "rtmp", "rtmps":
		if to, err = w.newLink(o, uri, args); err != nil {
			return engine.Undefined, err
		}
	default:
		return engine.Undefined, fmt.Errorf("NetConnection.connect: %q is no scheme of a server: use rtmp, rtmps, http or https", scheme)
	}
	held, err := w.hostObject(to)
	if err != nil {
		return engine.Undefined, err
	}
	return engine.Bool(true), hide(o, connectionName, held)
}

// netCall is call(method, responder, arguments…). What stands in the responder's place
// and is none is passed over.
func (w *world) netCall(c *engine.Call) (engine.Value, error) {
	o := c.Arg(0).Object()
	to, err := connectionOf(o)
	if to == nil {
		return engine.Bool(false), err
	}
	args, err := w.out(rest(c.Args, 3))
	if err != nil {
		return engine.Undefined, err
	}
	ok, err := to.call(o, c.Arg(1).Text(), c.Arg(2).Object(), args)
	return engine.Bool(ok), err
}

// netClose is close.
func netClose(c *engine.Call) (engine.Value, error) {
	o := c.Arg(0).Object()
	to, err := connectionOf(o)
	if to == nil {
		return engine.Undefined, err
	}
	to.close()
	return engine.Undefined, hide(o, connectionName, engine.Undefined)
}

// netHeader is addHeader(name, must be understood, value), for gateways.
func (w *world) netHeader(c *engine.Call) (engine.Value, error) {
	to, err := connectionOf(c.Arg(0).Object())
	g, ok := to.(*gateway)
	if !ok {
		return engine.Undefined, err
	}
	v, err := w.values.Out(c.Arg(3))
	if err != nil {
		return engine.Undefined, err
	}
	g.setHeader(envelopeHeader{Name: c.Arg(1).Text(), Must: c.Arg(2).Bool(), Value: v}, c.Arg(4).Bool())
	return engine.Undefined, nil
}
