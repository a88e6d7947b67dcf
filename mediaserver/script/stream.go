package script

import (
	"errors"
	"strings"
	"unicode"

	"flashpod.dev/flashpod/mediaserver/logs"
	"flashpod.dev/flashpod/mediaserver/script/engine"
)

const (
	// maxStreams is how many objects of class Stream are remembered. Those that the
	// script has hung nothing on, and plays and records nothing with, make room.
	maxStreams = 1000
	// maxStreamName is how many bytes a stream's name may have.
	maxStreamName = 512
	// defaultBufferTime is bufferTime until a script sets it, in seconds.
	defaultBufferTime = 2
)

// streams are what the world knows of the class Stream.
type streams struct {
	class   *engine.Type
	named   map[string]*liveStream
	oldest  []*liveStream // of named, as they were made
	virtual bool          // it was said that setVirtualPath does nothing
}

// liveStream is what an object of class Stream belongs to: there is one for a name.
type liveStream struct {
	name   string
	object *engine.Object
	query  string // of the publisher's name
	mode   string // of the publisher: live, record or append
	// plays and records: something was asked for that has not ended, as far as is known.
	plays, records bool
	bufferTime     float64
	syncWrite      bool
}

// defineStream makes the class Stream, and application.clearStreams.
func defineStream(w *world) error {
	own := func(f func(*liveStream) engine.Value) func(*engine.Call) (engine.Value, error) {
		return func(c *engine.Call) (engine.Value, error) { return f(c.Self.(*liveStream)), nil }
	}
	yes := func(*engine.Call) (engine.Value, error) { return engine.Bool(true), nil }
	class, err := w.rt.Define(engine.Class{
		Name: "Stream",
		Statics: []engine.Method{
			{Name: "get", Length: 1, Func: w.getStream},
			{Name: "destroy", Length: 1, Func: w.destroyStream},
			{Name: "length", Length: 1, Func: w.streamLength},
			{Name: "size", Length: 1, Func: w.streamSize},
			{Name: "getOnMetaData", Length: 1, Func: w.streamMeta},
		},
		Methods: []engine.Method{
			{Name: "play", Length: 1, Func: w.playStream},
			{Name: "record", Length: 1, Func: w.recordStream},
			{Name: "send", Length: 1, Func: w.sendStream},
			{Name: "clear", Func: w.clearStream},
			{Name: "flush", Func: yes}, // what is recorded is on its way to the disk within a second
			{Name: "getOnMetaData", Length: 1, Func: w.streamMeta},
			{Name: "length", Func: w.streamLength},
			{Name: "setBufferTime", Length: 1, Func: w.setBufferTime},
			{Name: "setVirtualPath", Length: 3, Func: w.setVirtualPath},
		},
		Properties: []engine.Property{
			{Name: "name", Get: own(func(s *liveStream) engine.Value { return engine.String(s.name) })},
			{Name: "publishQueryString", Get: own(func(s *liveStream) engine.Value { return engine.String(s.query) })},
			{Name: "type", Hidden: true, Get: own(func(s *liveStream) engine.Value { return engine.String(s.mode) })},
			{Name: "bufferTime", Get: own(func(s *liveStream) engine.Value { return engine.Number(s.bufferTime) })},
			{
				Name: "syncWrite", Get: own(func(s *liveStream) engine.Value { return engine.Bool(s.syncWrite) }),
				Set: func(c *engine.Call) error {
					c.Self.(*liveStream).syncWrite = c.Arg(0).Truth()
					return nil
				},
			},
		},
	})
	if err != nil {
		return err
	}
	w.streams.class, w.streams.named = class, map[string]*liveStream{}
	w.instance().OpenStreams(func(s StreamStatus) { w.post(func() { w.toldOfStream(s) }) })
	clear, err := w.rt.NewFunction("clearStreams", 1, w.clearStreams)
	if err != nil {
		return err
	}
	return errors.Join(
		w.types.application.Prototype().Define("clearStreams", clear.Value(), engine.Writable|engine.Configurable),
		w.global.Define("Stream", class.Constructor().Value(), engine.Writable|engine.Configurable),
	)
}

// streamName takes the query off a name, and the slashes around it. ok is false when
// no stream is called so.
func streamName(raw string) (name, query string, ok bool) {
	name, query, _ = strings.Cut(raw, "?")
	name = strings.Trim(name, "/")
	bad := func(r rune) bool { return r < ' ' || r == unicode.MaxASCII || r == unicode.ReplacementChar }
	return name, query, name != "" && len(raw) <= maxStreamName && !strings.ContainsFunc(name, bad)
}

// getStream is Stream.get(name); null where there can be none.
func (w *world) getStream(c *engine.Call) (engine.Value, error) {
	raw, err := c.Runtime.ToString(c.Arg(0))
	if err != nil {
		return engine.Undefined, err
	}
	name, _, ok := streamName(raw)
	if !ok || len(c.Args) == 0 {
		return engine.Null, nil
	}
	s, err := w.stream(name)
	if err != nil {
		return engine.Undefined, err
	}
	return s.object.Value(), nil
}

// stream is what the object of a name belongs to, which is made when there is none.
func (w *world) stream(name string) (*liveStream, error) {
	if s := w.streams.named[name]; s != nil {
		return s, nil
	}
	if len(w.streams.named) >= maxStreams {
		if err := w.forgetStreams(); err != nil {
			return nil, err
		}
	}
	s := &liveStream{name: name, bufferTime: defaultBufferTime, mode: "live"}
	o, err := w.streams.class.New(s)
	if err != nil {
		return nil, err
	}
	s.object = o.Keep()
	w.streams.named[name] = s
	w.streams.oldest = append(w.streams.oldest, s)
	return s, nil
}

// forgetStreams makes room for other streams, by those that a script sees no
// difference in when they are made anew.
func (w *world) forgetStreams() error {
	forgotten := 0
	left := w.streams.oldest[:0]
	for _, s := range w.streams.oldest {
		keys, err := s.object.Keys()
		if err != nil {
			return err
		}
		if s.plays || s.records || len(keys) > 0 || forgotten >= maxStreams/10 {
			left = append(left, s)
			continue
		}
		forgotten++
		delete(w.streams.named, s.name)
		s.object.Release()
	}
	clear(w.streams.oldest[len(left):])
	w.streams.oldest = left
	if forgotten == 0 {
		return engine.RangeError("there are %d objects of class Stream in use, which is the most: Stream.destroy some", maxStreams)
	}
	return nil
}

// destroyStream is Stream.destroy(stream): it plays and records no more, and is
// forgotten.
func (w *world) destroyStream(c *engine.Call) (engine.Value, error) {
	o := c.Arg(0).Object()
	if o == nil {
		return engine.Bool(false), nil
	}
	s, ok := o.Host().(*liveStream)
	if !ok {
		return engine.Bool(false), nil
	}
	w.instance().StopStream(s.name)
	w.instance().StopRecord(s.name)
	if w.streams.named[s.name] == s {
		delete(w.streams.named, s.name)
		for i, one := range w.streams.oldest {
			if one == s {
				w.streams.oldest = append(w.streams.oldest[:i], w.streams.oldest[i+1:]...)
				break
			}
		}
		s.object.Release()
	}
	return engine.Bool(true), nil
}

// publishedStream is the object of a stream that a client publishes.
func (w *world) publishedStream(info StreamInfo) (engine.Value, error) {
	s, err := w.stream(info.Name)
	if err != nil {
		return engine.Undefined, err
	}
	s.query, s.mode = info.Query, info.Mode
	return s.object.Value(), nil
}

// toldOfStream tells the stream's onStatus or, where it has none, the application's.
func (w *world) toldOfStream(status StreamStatus) {
	target := w.application.object
	if s := w.streams.named[status.Stream]; s != nil {
		switch status.Code {
		case "NetStream.Unpublish.Success", "NetStream.Publish.BadName":
			s.plays = false
		case "NetStream.Record.Stop", "NetStream.Record.Failed", "NetStream.Record.NoAccess":
			s.records = false
		}
		if w.method(s.object, "onStatus") != nil {
			target = s.object
		}
	}
	if target == nil {
		return
	}
	info, err := w.rt.NewObject()
	if err != nil {
		w.report(err)
		return
	}
	if err := errors.Join(
		info.Set("level", engine.String(status.Level)), info.Set("code", engine.String(status.Code)),
		info.Set("description", engine.String(status.Description)), info.Set("details", engine.String(status.Details)),
	); err != nil {
		w.report(err)
		return
	}
	w.call(target, "onStatus", info.Value())
}

func (w *world) setBufferTime(c *engine.Call) (engine.Value, error) {
	seconds, err := c.Runtime.ToNumber(c.Arg(0))
	if err == nil && seconds >= 0 {
		c.Self.(*liveStream).bufferTime = seconds
	}
	return engine.Undefined, err
}

// setVirtualPath does nothing: which folder a stream lies in is the configuration's to
// say.
func (w *world) setVirtualPath(c *engine.Call) (engine.Value, error) {
	if !w.streams.virtual {
		w.streams.virtual = true
		w.log.Warn("setVirtualPath does nothing: streams lie in the folder of their instance", "stream", logs.Clean(c.Self.(*liveStream).name, logs.MaxValue))
	}
	return engine.Bool(false), nil
}
