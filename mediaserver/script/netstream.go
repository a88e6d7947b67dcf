package script

import (
	_ "embed"
	"errors"
	"fmt"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/script/engine"
)

//go:embed netstream.js
var netStreamSource string

var netStreamProgram = engine.NewProgram(engine.Source{Name: "(NetStream)", Text: netStreamSource})

// maxPushes is how many streams a script may publish on other servers at once, those
// included that are about to end.
const maxPushes = 100

// netStream is what a NetStream of the script's is: a live stream of the instance, and
// where it is published.
type netStream struct {
	source     string // the stream that is attached; "": none is
	bufferTime float64
	push       *push // nil: it publishes nothing
}

// defineNetStream makes NetStream known, by which scripts publish live streams of their
// instance on other servers.
func defineNetStream(w *world) error {
	return w.announce(library{
		name: "NetStream", program: netStreamProgram,
		natives: map[string]engine.Func{
			"make": w.makeNetStream, "attach": w.attachStream, "publish": w.publishNetStream, "send": w.sendNetStream,
			"close": func(c *engine.Call) (engine.Value, error) {
				s, err := netStreamOf(c.Arg(0).Object())
				if err == nil {
					s.end()
				}
				return engine.Undefined, err
			},
			"getBufferTime": func(c *engine.Call) (engine.Value, error) {
				s, err := netStreamOf(c.Arg(0).Object())
				if err != nil {
					return engine.Undefined, nil
				}
				return engine.Number(s.bufferTime), nil
			},
			"setBufferTime": func(c *engine.Call) (engine.Value, error) {
				s, err := netStreamOf(c.Arg(0).Object())
				if n := c.Arg(1).Number(); err == nil && n >= 0 {
					s.bufferTime = n
				}
				return engine.Undefined, err
			},
		},
	})
}

const (
	netStreamName = "_stream"
	// streamOwner is the NetConnection that a NetStream was made with.
	streamOwner = "_netConnection"
)

func netStreamOf(o *engine.Object) (*netStream, error) {
	if o != nil {
		v, err := o.Get(netStreamName)
		if err != nil {
			return nil, err
		}
		if held := v.Object(); held != nil {
			if s, ok := held.Host().(*netStream); ok {
				return s, nil
			}
		}
	}
	return nil, engine.TypeError("a method of NetStream was called on what is none")
}

// makeNetStream is new NetStream(connection).
func (w *world) makeNetStream(c *engine.Call) (engine.Value, error) {
	o := c.Arg(0).Object()
	if o == nil {
		return engine.Undefined, engine.TypeError("NetStream is made with new")
	}
	held, err := w.hostObject(&netStream{})
	if err != nil {
		return engine.Undefined, err
	}
	return engine.Undefined, errors.Join(hide(o, netStreamName, held), hide(o, streamOwner, c.Arg(1)))
}

// attachStream is attach(stream): what is published from now on. What is no stream, such
// as false, takes it away.
func (w *world) attachStream(c *engine.Call) (engine.Value, error) {
	s, err := netStreamOf(c.Arg(0).Object())
	if err != nil {
		return engine.Undefined, err
	}
	s.source = ""
	ok := c.Arg(1).Kind() == engine.KindBool || c.Arg(1).Kind() == engine.KindNull
	if o := c.Arg(1).Object(); o != nil {
		var live *liveStream
		if live, ok = o.Host().(*liveStream); ok {
			s.source = live.name
		}
	}
	if s.push != nil {
		s.push.take(s.source)
	}
	return engine.Bool(ok), nil
}

// publishNetStream is publish(name[, mode]); false ends it. It says whether it was
// understood: what comes of it onStatus is told.
func (w *world) publishNetStream(c *engine.Call) (engine.Value, error) {
	o := c.Arg(0).Object()
	s, err := netStreamOf(o)
	if err != nil {
		return engine.Undefined, err
	}
	name, mode := "", "live"
	switch v := c.Arg(1); v.Kind() {
	case engine.KindUndefined, engine.KindNull, engine.KindBool:
	default:
		if name, err = c.Runtime.ToString(v); err != nil {
			return engine.Undefined, err
		}
	}
	if v := c.Arg(2); v.Kind() != engine.KindUndefined && v.Kind() != engine.KindNull {
		if mode, err = c.Runtime.ToString(v); err != nil {
			return engine.Undefined, err
		}
	}
	if name == "" || len(name) > maxStreamName {
		s.end()
		return engine.Bool(name == ""), nil
	}
	switch mode {
	case "live", "record", "append", "appendWithGap":
	default:
		return engine.Bool(false), nil
	}
	owner, err := o.Get(streamOwner)
	if err != nil {
		return engine.Undefined, err
	}
	to, err := connectionOf(owner.Object())
	if err != nil {
		return engine.Undefined, err
	}
	l, ok := to.(*link)
	if !ok || l.over {
		w.post(func() {
			w.netStreamStatus(o, failedStream("the NetConnection is not connected to an rtmp:// URL: call connect first"))
		})
		return engine.Bool(false), nil
	}
	if w.outward.pushes >= maxPushes {
		return engine.Undefined, fmt.Errorf("NetStream.publish: %d streams are published on other servers, which is as many as a script may", maxPushes)
	}
	w.startPush(o, s, l, name, mode)
	return engine.Bool(true), nil
}

// end ends what is published.
func (s *netStream) end() {
	if s.push != nil {
		s.push.end()
		s.push = nil
	}
}

func failedStream(why string) *amf.Object {
	return amf.NewObject("level", "error", "code", "NetStream.Failed", "description", why)
}

// netStreamStatus tells onStatus of a NetStream or, where it has none, application's.
func (w *world) netStreamStatus(o *engine.Object, info amf.Value) {
	v, err := w.values.In(info)
	if err != nil {
		w.report(err)
		return
	}
	if w.method(o, "onStatus") != nil {
		w.call(o, "onStatus", v)
		return
	}
	w.call(w.application.object, "onStatus", v)
}

// sendNetStream is send(handler, arguments…): a data message to all who play what is
// published.
func (w *world) sendNetStream(c *engine.Call) (engine.Value, error) {
	s, err := netStreamOf(c.Arg(0).Object())
	if err != nil {
		return engine.Undefined, err
	}
	handler, err := c.Runtime.ToString(c.Arg(1))
	if err != nil || handler == "" || len(c.Args) < 2 || s.push == nil {
		return engine.Bool(false), err
	}
	args, err := w.out(rest(c.Args, 2))
	if err != nil {
		return engine.Undefined, err
	}
	data, err := amf.AppendAll(nil, append([]amf.Value{handler}, args...)...)
	if err != nil {
		return engine.Undefined, err
	}
	return engine.Bool(s.push.send(&rtmp.Message{Type: rtmp.TypeData, Payload: data})), nil
}
