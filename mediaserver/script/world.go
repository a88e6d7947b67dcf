package script

import (
	"context"
	"errors"
	"log/slog"

	"flashpod.dev/flashpod/mediaserver/script/dialect"
	"flashpod.dev/flashpod/mediaserver/script/engine"
)

// world is one life of a script: a runtime with all that it has. It is used by the
// host's goroutine alone, but for post.
type world struct {
	host    *Host
	ctx     context.Context // ends with the world
	rt      *engine.Runtime
	global  *engine.Object
	scripts dialect.Scripts
	log     *slog.Logger
}

// post has f run by the script's goroutine, as an event of its own and in the order
// of events. It does not wait, and may be called from anywhere. false: the world has
// ended, and f will not run.
func (w *world) post(f func()) bool {
	return w.host.post(func(now *world) {
		if now == w {
			f()
		}
	})
}

// call calls a method of an object, and reports what it throws. false: there is no
// such method, or it threw. What it returns is good until the event ends.
func (w *world) call(o *engine.Object, method string, args ...engine.Value) (engine.Value, bool) {
	f, err := o.Get(method)
	if err != nil {
		w.report(err)
		return engine.Undefined, false
	}
	if f.Object() == nil || !f.Object().IsFunction() {
		return engine.Undefined, false
	}
	v, err := f.Object().Call(o.Value(), args...)
	if err != nil {
		w.report(err)
		return engine.Undefined, false
	}
	return v, true
}

// report says what has gone wrong in the script: to the log, and to
// application.onStatus.
func (w *world) report(err error) {
	var e *engine.Error
	if errors.As(err, &e) {
		w.log.Warn("script", "file", e.File, "line", e.Line, "err", err.Error())
		return
	}
	w.log.Warn("script", "err", err.Error())
}
