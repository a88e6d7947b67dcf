package script

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/script/dialect"
	"flashpod.dev/flashpod/mediaserver/script/engine"
	"flashpod.dev/flashpod/mediaserver/script/values"
)

// world is one life of a script: a runtime with all that it has. It is used by the
// host's goroutine alone, but for post.
type world struct {
	host    *Host
	ctx     context.Context // ends with the world
	cancel  context.CancelFunc
	gone    chan struct{} // closed when its goroutine has ended
	rt      *engine.Runtime
	global  *engine.Object
	scripts dialect.Scripts
	values  *values.Values
	log     *slog.Logger

	over  bool                  // it is to end
	cause atomic.Pointer[error] // why; nil: it was to end
	// broken is why there is no script: no client is let in.
	broken string
	later  []func() // what is to be done when the event is over
	doing  string   // what the script was called for

	clients     map[string]*client // that have asked to come in, and have not left
	pending     int
	plays       map[*playRequest]struct{} // viewers by HTTP about whom nothing was said yet
	application application
	types       types
	streams     streams
	timers      timers
	loading     int             // files that are being loaded, one from another
	folders     folders         // where files are, in their order
	loaded      map[string]file // files that were, by name
	bytes       int             // of what was loaded
	isNative    *engine.Object  // says whether a function is the dialect's
	// provided are files that load gives without there being one, by their name in
	// small letters.
	provided map[string]func() error
	proxies  map[string]proxy
	said     said
	outward  outward
	objects  sharedObjects
	pace     pace
	turn     Turn // nil: it waits for nobody
}

// newWorld makes one with a runtime that has nothing yet.
func newWorld(h *Host) (*world, error) {
	limits, turn := h.cfg.Limits, Turn(nil)
	if h.cfg.Turn != nil {
		turn = h.cfg.Turn()
		limits.Turn = turn
	}
	rt, err := engine.New(limits)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	return &world{
		host: h, ctx: ctx, cancel: cancel, gone: make(chan struct{}), rt: rt, log: h.log,
		clients: map[string]*client{}, plays: map[*playRequest]struct{}{}, loaded: map[string]file{}, provided: map[string]func() error{}, proxies: map[string]proxy{},
		pace: newPace(), turn: turn,
	}, nil
}

// live is the world's goroutine.
func (w *world) live() {
	defer close(w.gone)
	defer w.rt.Close()
	defer w.clearTimers()
	defer w.abandonPlays()
	w.event(w.start)
	for !w.over && w.ctx.Err() == nil && w.rt.Err() == nil {
		e, ok := w.host.next(w)
		if !ok {
			return
		}
		switch {
		case e.of == nil || e.of == w:
			w.event(func() { e.run(w) })
		case e.lost != nil: // of a world that has ended
			e.lost("the script has ended")
		}
	}
}

// maxLater is how much one event may leave to be done after it.
const maxLater = 1000

// event does something in a scope of its own, and what that leaves to be done.
func (w *world) event(f func()) {
	if w.turn != nil {
		w.turn.Begin(w.ctx.Done())
		defer w.idle()
	}
	w.scope(f)
	for n := 0; len(w.later) > 0 && n < maxLater && w.rt.Err() == nil; n++ {
		next := w.later[0]
		w.later = w.later[1:]
		w.scope(next)
	}
	w.spent()
	if len(w.later) > 0 {
		w.post(func() {}) // the rest, and what the end of the scope has left
	}
}

// idle lets others compute, until the script goes on.
func (w *world) idle() {
	if w.turn != nil {
		w.turn.End()
	}
}

func (w *world) scope(f func()) {
	w.doing = ""
	// A runtime that is dead says so itself.
	_ = w.rt.Scope(func() error {
		f()
		return nil
	})
}

// after has f done when the event is over, in a scope of its own.
func (w *world) after(f func()) { w.later = append(w.later, f) }

// end has the world end after this event; err is why, nil if it is meant to.
func (w *world) end(err error) {
	w.over = true
	if err != nil {
		w.cause.CompareAndSwap(nil, &err)
	}
}

// why says why the world has ended; nil: it was to.
func (w *world) why() error {
	if err := w.cause.Load(); err != nil {
		return *err
	}
	return w.rt.Err()
}

// post has f run by the script's goroutine, as an event of its own and in the order
// of events. It does not wait, and may be called from anywhere. f does not run if the
// world has ended by then; false: it is known to have ended.
func (w *world) post(f func()) bool { return w.postOr(f, nil) }

// postOr is post for what holds something: lost is called if f does not run, and may be
// if it did not come to its end.
func (w *world) postOr(f func(), lost func(reason string)) bool {
	ok, full := false, false
	if w.ctx.Err() == nil {
		ok, full = w.host.sendOwn(&event{of: w, run: func(*world) { f() }, lost: lost, kind: own})
	}
	if full {
		w.cause.CompareAndSwap(nil, &errOwn)
		w.cancel()
	}
	if !ok && lost != nil {
		lost("the script has ended")
	}
	return ok
}

var errOwn error = fmt.Errorf("%d things that it has begun itself wait for it: it makes more of them than it handles", maxOwn)

// ask waits for what the instance's owner answers at once; false: it did not within
// the time that a call has.
func ask[T any](w *world, f func(answer func(T))) (T, bool) {
	got := make(chan T, 1)
	f(func(v T) {
		select {
		case got <- v:
		default:
		}
	})
	ctx, cancel := context.WithTimeout(w.ctx, w.rt.Limits().Time*3/4)
	defer cancel()
	select {
	case v := <-got: // at once, as a rule
		return v, true
	default:
	}
	w.idle()
	select {
	case v := <-got:
		return v, true
	case <-ctx.Done():
		var none T
		return none, false
	}
}

const (
	// setUpTime is for what no script has a part in, on a machine that is very busy.
	setUpTime = time.Minute
	// loadFactor is how much longer than one call a script may take to be loaded.
	loadFactor = 20
)

// start makes the world what scripts find, and loads the script.
func (w *world) start() {
	if err := w.rt.Within(setUpTime, w.furnish); err != nil {
		w.end(fmt.Errorf("set up the script: %w", err))
		return
	}
	w.doing = "load"
	if err := w.rt.Within(loadFactor*w.rt.Limits().Time, w.loadMain); err != nil {
		w.broken = err.Error()
		w.report(err)
		for id := range w.timers.all {
			w.clear(id)
		}
		return
	}
	w.call(w.application.object, "onAppStart")
}

// furnish gives the runtime all that a script finds.
func (w *world) furnish() (err error) {
	if w.global, err = w.rt.Global(); err != nil {
		return err
	}
	w.global.Keep()
	if w.values, err = values.New(w.rt); err != nil {
		return err
	}
	hook, err := w.rt.NewFunction(dialect.HookName, 3, w.hook)
	if err != nil {
		return err
	}
	if err := w.global.Set(dialect.HookName, hook.Value()); err != nil {
		return err
	}
	if _, err := w.rt.Run(prelude); err != nil {
		return err
	}
	for _, define := range libraries {
		if err := define(w); err != nil {
			return err
		}
	}
	w.outward.prototypes = append(w.outward.prototypes, prototype{w.objects.class.Prototype(), allShut}, prototype{w.streams.class.Prototype(), allShut})
	return nil
}

// preludeName is the file that functions of the dialect's come from.
const preludeName = "(dialect)"

var prelude = engine.NewProgram(engine.Source{Name: preludeName, Text: dialect.Prelude})

func (w *world) hook(c *engine.Call) (engine.Value, error) {
	return engine.String(w.scripts.Hook(c.Arg(0).Text(), c.Arg(1).Text(), c.Arg(2).Text())), nil
}

// call calls a method of an object, and reports what it throws. false: there is no
// such method, or it threw. What it returns is good until the event ends.
func (w *world) call(o *engine.Object, method string, args ...engine.Value) (engine.Value, bool) {
	f := w.method(o, method)
	if f == nil {
		return engine.Undefined, false
	}
	defer func(before string) { w.doing = before }(w.doing)
	w.doing = method
	v, err := f.Call(o.Value(), args...)
	if err != nil {
		w.report(err)
		return engine.Undefined, false
	}
	return v, true
}

// method is a function that an object has, or nil. __resolve is not asked: that is for
// the script's own questions.
func (w *world) method(o *engine.Object, name string) *engine.Object {
	if has, err := o.Has(name); err != nil || !has {
		if err != nil {
			w.report(err)
		}
		return nil
	}
	f, err := o.Get(name)
	if err != nil {
		w.report(err)
		return nil
	}
	if f.Object() == nil || !f.Object().IsFunction() {
		return nil
	}
	return f.Object()
}

// spent ends a world whose memory is used up and stays so: nine tenths are held on to,
// or more than half and it has happened three times in a minute. Every call might end
// with that.
func (w *world) spent() {
	if !w.said.noMemory {
		return
	}
	w.said.noMemory = false
	if err := w.rt.Collect(); err != nil {
		return
	}
	m := w.rt.Memory()
	if m.Used < m.Limit/2 {
		return
	}
	now := time.Now()
	w.said.strikes = slices.DeleteFunc(append(w.said.strikes, now), func(t time.Time) bool { return now.Sub(t) > time.Minute })
	if m.Used > m.Limit/10*9 || len(w.said.strikes) >= 3 {
		w.end(fmt.Errorf("%w: what it holds on to takes %d of %d bytes", engine.ErrMemory, m.Used, m.Limit))
	}
}

// out makes values ready to leave; one that cannot is an error of the script's.
func (w *world) out(args []engine.Value) ([]amf.Value, error) {
	if len(args) == 0 {
		return nil, nil
	}
	return w.values.OutAll(args)
}

// isDead says whether an error is the end of the runtime.
func isDead(err error) bool {
	return errors.Is(err, engine.ErrDead) || errors.Is(err, engine.ErrClosed)
}
