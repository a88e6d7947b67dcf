package script

import (
	_ "embed"
	"fmt"
	"strings"

	"flashpod.dev/flashpod/mediaserver/script/engine"
)

//go:embed netconnection.js
var netConnectionSource string

// defineNetConnection makes NetConnection known, by which scripts reach gateways of
// Flash Remoting (http and https): connect is done at once, since nothing is asked
// before the first call, and a call's answer is its responder's onResult or onStatus.
func defineNetConnection(w *world) error {
	return w.announce(library{
		name: "NetConnection", file: "(NetConnection)", source: netConnectionSource,
		natives: map[string]engine.Func{
			"connect": w.netConnect, "call": w.netCall, "close": netClose, "addHeader": w.netHeader,
			"connected": func(c *engine.Call) (engine.Value, error) {
				g, err := gatewayOf(c.Arg(0).Object())
				return engine.Bool(g != nil), err
			},
			"uri": func(c *engine.Call) (engine.Value, error) {
				g, err := gatewayOf(c.Arg(0).Object())
				if g == nil {
					return engine.Undefined, err
				}
				return engine.String(g.url), err
			},
		},
	})
}

const connectionName = "_connection"

// gatewayOf is the gateway that a NetConnection is connected to, or nil.
func gatewayOf(o *engine.Object) (*gateway, error) {
	if o == nil {
		return nil, nil
	}
	v, err := o.Get(connectionName)
	if err != nil || v.Object() == nil {
		return nil, err
	}
	g, _ := v.Object().Host().(*gateway)
	return g, nil
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
	scheme, _, _ := strings.Cut(strings.ToLower(uri), "://")
	if scheme != "http" && scheme != "https" {
		return engine.Undefined, fmt.Errorf("NetConnection.connect: %q is no URL of http or https, which are all that a script's NetConnection speaks here", scheme)
	}
	held, err := w.hostObject(&gateway{w: w, url: uri})
	if err != nil {
		return engine.Undefined, err
	}
	return engine.Bool(true), hide(o, connectionName, held)
}

// netCall is call(method, responder, arguments…). What stands in the responder's place
// and is none is passed over.
func (w *world) netCall(c *engine.Call) (engine.Value, error) {
	o := c.Arg(0).Object()
	g, err := gatewayOf(o)
	if g == nil {
		return engine.Bool(false), err
	}
	args, err := w.out(rest(c.Args, 3))
	if err != nil {
		return engine.Undefined, err
	}
	if g.owed == 0 {
		g.object = o
	}
	ok, err := g.call(c.Arg(1).Text(), c.Arg(2).Object(), args)
	return engine.Bool(ok), err
}

// netClose is close: calls that are under way are answered all the same.
func netClose(c *engine.Call) (engine.Value, error) {
	if o := c.Arg(0).Object(); o != nil {
		return engine.Undefined, hide(o, connectionName, engine.Undefined)
	}
	return engine.Undefined, nil
}

// netHeader is addHeader(name, must be understood, value).
func (w *world) netHeader(c *engine.Call) (engine.Value, error) {
	g, err := gatewayOf(c.Arg(0).Object())
	if g == nil {
		return engine.Undefined, err
	}
	v, err := w.values.Out(c.Arg(3))
	if err != nil {
		return engine.Undefined, err
	}
	g.setHeader(envelopeHeader{Name: c.Arg(1).Text(), Must: c.Arg(2).Bool(), Value: v}, c.Arg(4).Bool())
	return engine.Undefined, nil
}
