package script

import (
	"cmp"
	"net"
	"time"

	"flashpod.dev/flashpod/mediaserver/script/engine"
)

// clientState is what the script has decided about a client.
type clientState int

const (
	pending clientState = iota
	accepted
	rejected
	gone
)

// client is a client as the world knows it, and what an object of class Client belongs
// to. The object is the same as long as the client is there.
type client struct {
	info      Client
	object    *engine.Object
	state     clientState
	access    Access
	key       string                               // virtualKey
	bandwidth struct{ toClient, toServer float64 } // bytes a second; 0: as configured
	after     func(handler string)
	limit     *time.Timer
	told      bool // to go, by the script
	// owed are answers to calls of its methods that have not come.
	owed int
}

// types are classes that other files ask about.
type types struct{ client, application, protected, play *engine.Type }

// newClient makes the object for a client that has asked to come in.
func (w *world) newClient(info Client) (*client, error) {
	c := &client{info: info, access: Access{Read: "/", Write: "/"}}
	o, err := w.types.client.New(c)
	if err != nil {
		return nil, err
	}
	const own = engine.Writable | engine.Configurable | engine.Enumerable
	if err := o.Define("id", engine.String(info.ID), own); err != nil {
		return nil, err
	}
	c.object = o.Keep()
	w.clients[info.ID] = c
	w.pending++
	return c, nil
}

// forget lets the object go: a script may keep it.
func (c *client) forget() { c.object.Release() }

// defineClient makes the class Client, whose prototype scripts extend.
func defineClient(w *world) error {
	class, err := w.rt.Define(engine.Class{
		Name: "Client",
		Methods: []engine.Method{
			{Name: "call", Length: 2, Func: w.callClient},
			{Name: "ping", Func: w.pingClient},
			{Name: "getStats", Func: w.clientStats},
			{Name: "getBandwidthLimit", Length: 1, Func: w.getBandwidthLimit},
			{Name: "setBandwidthLimit", Length: 2, Func: w.setBandwidthLimit},
			{Name: "checkBandwidth", Func: w.checkBandwidth},
			{Name: "getStreamLength", Length: 1, Func: w.getStreamLength},
		},
		Properties: w.clientProperties(),
	})
	if err != nil {
		return err
	}
	w.types.client = class
	return w.global.Define("Client", class.Constructor().Value(), engine.Writable|engine.Configurable)
}

func (w *world) clientProperties() []engine.Property {
	said := func(name string, f func(Client) engine.Value) engine.Property {
		return engine.Property{Name: name, Hidden: true, Get: func(c *engine.Call) (engine.Value, error) {
			return f(c.Self.(*client).info), nil
		}}
	}
	return []engine.Property{
		said("agent", func(c Client) engine.Value { return engine.String(c.Agent) }),
		said("ip", func(c Client) engine.Value { return engine.String(hostOf(c.Address)) }),
		said("protocol", func(c Client) engine.Value { return engine.String(w.protocolOf(c)) }),
		said("secure", func(c Client) engine.Value { return engine.Bool(c.Secure) }),
		said("uri", func(c Client) engine.Value { return engine.String(c.URI) }),
		said("referrer", func(c Client) engine.Value { return engine.String(c.Referrer) }),
		said("pageUrl", func(c Client) engine.Value { return engine.String(c.PageURL) }),
		said("objectEncoding", func(c Client) engine.Value {
			if c.AMF3 {
				return engine.Number(3)
			}
			return engine.Number(0)
		}),
		// Of our own: see session.ConnectRequest.Again.
		said("reconnected", func(c Client) engine.Value { return engine.Bool(c.Again) }),
		// FMS had one for each range of Flash Player's versions, by which a stream's name led
		// to other folders (VirtualKeys); here it is what the script makes it.
		text("virtualKey", func(c *client) *string { return &c.key }, func(*client) {}),
		w.access("readAccess", func(a *Access) *string { return &a.Read }),
		w.access("writeAccess", func(a *Access) *string { return &a.Write }),
		w.access("audioSampleAccess", func(a *Access) *string { return &a.AudioSample }),
		w.access("videoSampleAccess", func(a *Access) *string { return &a.VideoSample }),
	}
}

func (w *world) protocolOf(c Client) string {
	if c.Secure {
		return cmp.Or(w.host.cfg.SecureAs, c.Protocol)
	}
	return c.Protocol
}

// hostOf is an address without its port.
func hostOf(address string) string {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	return host
}

// maxAccess is how long the list of folders may be that a client may use.
const maxAccess = 16 << 10

// access is a property whose assignment the instance is told of.
func (w *world) access(name string, field func(*Access) *string) engine.Property {
	return text(name, func(c *client) *string { return field(&c.access) }, func(c *client) {
		if c.state == pending || c.state == accepted {
			w.instance().SetAccess(c.info.ID, c.access)
		}
	})
}

// text is a property that is a text whatever is assigned, and told is called then.
func text(name string, field func(*client) *string, told func(*client)) engine.Property {
	return engine.Property{
		Name: name, Hidden: true,
		Get: func(c *engine.Call) (engine.Value, error) {
			return engine.String(*field(c.Self.(*client))), nil
		},
		Set: func(c *engine.Call) error {
			cl := c.Self.(*client)
			var text string
			if k := c.Arg(0).Kind(); k != engine.KindUndefined && k != engine.KindNull {
				var err error
				if text, err = c.Runtime.ToString(c.Arg(0)); err != nil {
					return err
				}
			}
			if len(text) > maxAccess {
				return engine.RangeError("%s is longer than %d bytes", name, maxAccess)
			}
			*field(cl) = text
			told(cl)
			return nil
		},
	}
}
