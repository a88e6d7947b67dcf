package script

import (
	"context"
	"errors"

	"flashpod.dev/flashpod/mediaserver/script/engine"
)

// patience is how long a script waits for its instance or a disk: for most of the time
// that a call has.
func (w *world) patience() (context.Context, context.CancelFunc) {
	w.idle()
	return context.WithTimeout(w.ctx, w.rt.Limits().Time*3/4)
}

// askStream asks about the recording of a name, which is that of the stream on which it
// is asked when it is left out; false: there is none, or no answer in time.
func askStream[T any](w *world, c *engine.Call, ask func(context.Context, string) (T, error)) (answer T, ok bool, err error) {
	raw := ""
	if s, its := c.Self.(*liveStream); its {
		raw = s.name
	}
	if c.Arg(0).Kind() != engine.KindUndefined {
		if raw, err = c.Runtime.ToString(c.Arg(0)); err != nil {
			return answer, false, err
		}
	}
	name, _, ok := streamName(raw)
	if !ok {
		return answer, false, nil
	}
	ctx, cancel := w.patience()
	defer cancel()
	answer, failed := ask(ctx, name)
	if errors.Is(failed, context.DeadlineExceeded) {
		w.log.Warn("a script has asked about a recording, and the disk has not answered in time", "stream", name)
	}
	return answer, failed == nil, nil
}

// streamLength is Stream.length(name), in seconds; 0 if nothing is recorded.
func (w *world) streamLength(c *engine.Call) (engine.Value, error) {
	d, _, err := askStream(w, c, w.instance().StreamLength)
	return engine.Number(d.Seconds()), err
}

// streamSize is Stream.size(name), in bytes; 0 if nothing is recorded.
func (w *world) streamSize(c *engine.Call) (engine.Value, error) {
	n, _, err := askStream(w, c, w.instance().StreamSize)
	return engine.Number(float64(n)), err
}

// streamMeta is Stream.getOnMetaData(name); null if there is none.
func (w *world) streamMeta(c *engine.Call) (engine.Value, error) {
	v, ok, err := askStream(w, c, w.instance().StreamMeta)
	if err != nil || !ok {
		return engine.Null, err
	}
	return w.values.In(v)
}

// clearStream is clear(), which deletes the recording of the stream.
func (w *world) clearStream(c *engine.Call) (engine.Value, error) {
	s := c.Self.(*liveStream)
	ctx, cancel := w.patience()
	defer cancel()
	return engine.Bool(w.cleared(s.name, w.instance().DeleteStream(ctx, s.name))), nil
}

// clearStreams is application.clearStreams(path).
func (w *world) clearStreams(c *engine.Call) (engine.Value, error) {
	path, err := c.Runtime.ToString(c.Arg(0))
	if err != nil {
		return engine.Undefined, err
	}
	if path == "" || len(c.Args) == 0 || len(path) > maxStreamName {
		return engine.Bool(false), nil
	}
	ctx, cancel := w.patience()
	defer cancel()
	return engine.Bool(w.cleared(path, w.instance().ClearStreams(ctx, path))), nil
}

// cleared tells onStatus, when the event is over, what has come of clearing.
func (w *world) cleared(what string, err error) bool {
	s := StreamStatus{Stream: what, Details: what, Level: "status", Code: "NetStream.Clear.Success", Description: what + " was deleted."}
	if err != nil {
		s.Level, s.Code, s.Description = "error", "NetStream.Clear.Failed", err.Error()
	}
	w.post(func() { w.toldOfStream(s) })
	return err == nil
}
