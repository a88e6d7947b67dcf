package script

import (
	"errors"
	"math"
	"strings"
	"time"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/script/engine"
)

// maxSeconds is the longest time that is meant as such.
const maxSeconds = math.MaxUint32 / 1000

// number is an argument that may be left out.
func number(c *engine.Call, i int, otherwise float64) (float64, error) {
	if c.Arg(i).Kind() == engine.KindUndefined {
		return otherwise, nil
	}
	n, err := c.Runtime.ToNumber(c.Arg(i))
	if math.IsNaN(n) {
		n = otherwise
	}
	return n, err
}

func seconds(n float64) time.Duration {
	return time.Duration(min(n, maxSeconds) * float64(time.Second))
}

// playStream is play(name[, start[, length[, reset[, connection]]]]), in seconds, and
// play(false), which ends what is played. It says whether it was understood: what
// comes of it onStatus is told.
func (w *world) playStream(c *engine.Call) (engine.Value, error) {
	s := c.Self.(*liveStream)
	if c.Arg(0).Kind() == engine.KindBool && !c.Arg(0).Bool() {
		w.instance().StopStream(s.name)
		return engine.Bool(true), nil
	}
	raw, err := c.Runtime.ToString(c.Arg(0))
	if err != nil {
		return engine.Undefined, err
	}
	name, _, ok := streamName(raw)
	start, err1 := number(c, 1, -2)
	length, err2 := number(c, 2, -1)
	reset, err3 := resetOf(c)
	if err := errors.Join(err1, err2, err3); err != nil {
		return engine.Undefined, err
	}
	if !ok || c.Arg(0).Kind() == engine.KindUndefined || c.Arg(0).Kind() == engine.KindNull {
		return engine.Bool(false), nil
	}
	item := StreamItem{Name: name, DataOnly: reset&2 != 0, Picture: length == 0}
	switch {
	case start >= 0:
		item.From, item.Start = RecordedOnly, seconds(start)
	case start == -1:
		item.From = LiveOnly
	}
	if length > 0 {
		item.Length = max(seconds(length), time.Millisecond)
	}
	if o := c.Arg(4).Object(); o != nil {
		to, err := connectionOf(o)
		if err != nil {
			return engine.Undefined, err
		}
		far, ok := w.pulled(to, strings.Trim(raw, "/"), start, length)
		if !ok {
			w.notConnected(s, name)
			return engine.Bool(false), nil
		}
		item.Far, item.DataOnly = far, false
	}
	s.plays = true
	w.instance().PlayStream(s.name, item, reset&1 != 0)
	return engine.Bool(true), nil
}

// notConnected tells of a stream that was to be played by a NetConnection.
func (w *world) notConnected(s *liveStream, name string) {
	w.post(func() {
		w.toldOfStream(StreamStatus{
			Stream: s.name, Level: "error", Code: "NetStream.Play.Failed", Details: name,
			Description: "the NetConnection is not connected to an rtmp:// URL: call connect first",
		})
	})
}

// resetOf is the argument reset: 0 and 2 queue, 1 and 3 replace what there is, and 2
// and 3 want the data messages alone, all at once.
func resetOf(c *engine.Call) (int, error) {
	switch v := c.Arg(3); v.Kind() {
	case engine.KindUndefined:
		return 1, nil
	case engine.KindNumber:
		if n := v.Number(); n >= 0 && n <= 3 {
			return int(n), nil
		}
		return 1, nil
	default:
		if v.Truth() {
			return 1, nil
		}
		return 0, nil
	}
}

// recordStream is record([flag[, maxDuration[, maxSize]]]), in seconds and kilobytes;
// what is not above 0 is no limit. false ends it.
func (w *world) recordStream(c *engine.Call) (engine.Value, error) {
	s := c.Self.(*liveStream)
	mode := RecordNew
	switch v := c.Arg(0); v.Kind() {
	case engine.KindUndefined:
	case engine.KindBool:
		if !v.Bool() {
			w.instance().StopRecord(s.name)
			return engine.Bool(true), nil
		}
	default:
		flag, err := c.Runtime.ToString(v)
		if err != nil {
			return engine.Undefined, err
		}
		switch mode = RecordMode(flag); mode {
		case RecordNew, RecordAppend, RecordAppendWithGap:
		default:
			return engine.Bool(false), nil
		}
	}
	longest, err1 := number(c, 1, -1)
	largest, err2 := number(c, 2, -1)
	if err := errors.Join(err1, err2); err != nil {
		return engine.Undefined, err
	}
	r := StreamRecord{Mode: mode}
	if longest > 0 {
		r.MaxDuration = max(seconds(longest), time.Millisecond)
	}
	if largest > 0 {
		r.MaxBytes = int64(min(largest, 1<<40) * 1024)
	}
	s.records = true
	w.instance().RecordStream(s.name, r)
	return engine.Bool(true), nil
}

// sendStream is send(handler, arguments…): all who play the stream are called.
func (w *world) sendStream(c *engine.Call) (engine.Value, error) {
	handler, err := c.Runtime.ToString(c.Arg(0))
	if err != nil {
		return engine.Undefined, err
	}
	if handler == "" || len(c.Args) == 0 {
		return engine.Bool(false), nil
	}
	args, err := w.out(rest(c.Args, 1))
	if err != nil {
		return engine.Undefined, err
	}
	data, err := amf.AppendAll(nil, append([]amf.Value{handler}, args...)...)
	if err != nil {
		return engine.Undefined, err
	}
	w.instance().SendStream(c.Self.(*liveStream).name, data)
	return engine.Bool(true), nil
}
