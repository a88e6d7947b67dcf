package script

import (
	"math"
	"time"

	"flashpod.dev/flashpod/mediaserver/script/engine"
)

// minInterval is how often a timer may come, and maxInterval how seldom.
const (
	minInterval = 10 * time.Millisecond
	maxInterval = math.MaxInt32 * time.Millisecond
)

// timers are those of setInterval and setTimeout.
type timers struct {
	last int
	all  map[int]*timer
}

type timer struct {
	id     int
	f      *engine.Object // the function, or the object that has it
	method string         // of f; "": f is the function
	args   []engine.Value
	every  time.Duration
	once   bool
	due    time.Time
	clock  *time.Timer
}

func (w *world) setInterval(c *engine.Call) (engine.Value, error) {
	return w.setTimer(c, "setInterval", false)
}
func (w *world) setTimeout(c *engine.Call) (engine.Value, error) {
	return w.setTimer(c, "setTimeout", true)
}

// setTimer takes (function, milliseconds, arguments…), with a function that may be an
// object's method, and (object, "method", milliseconds, arguments…).
func (w *world) setTimer(c *engine.Call, name string, once bool) (engine.Value, error) {
	t := &timer{f: c.Arg(0).Object(), once: once}
	ms, args := c.Arg(1), rest(c.Args, 2)
	switch {
	case t.f == nil:
		return engine.Undefined, engine.TypeError("%s needs a function, or an object and the name of its method", name)
	case !t.f.IsFunction() || c.Arg(1).Kind() == engine.KindString && len(c.Args) > 2 && !isNumber(c.Arg(1).Text()):
		if c.Arg(1).Kind() != engine.KindString {
			return engine.Undefined, engine.TypeError("%s needs a function, or an object and the name of its method", name)
		}
		t.method, ms, args = c.Arg(1).Text(), c.Arg(2), rest(c.Args, 3)
	}
	n, err := c.Runtime.ToNumber(ms)
	if err != nil {
		return engine.Undefined, err
	}
	if len(w.timers.all) >= w.host.cfg.Timers {
		return engine.Undefined, engine.RangeError("%s: there are %d timers already, which is the most: clear some", name, w.host.cfg.Timers)
	}
	t.every = interval(n)
	t.f.Keep()
	for _, v := range args {
		if o := v.Object(); o != nil {
			o.Keep()
		}
	}
	t.args = append([]engine.Value(nil), args...)
	w.begin(t)
	return engine.Number(float64(t.id)), nil
}

func isNumber(s string) bool { return s != "" && s[0] >= '0' && s[0] <= '9' }

func interval(ms float64) time.Duration {
	if !(ms*float64(time.Millisecond) > float64(minInterval)) { // also NaN
		return minInterval
	}
	return time.Duration(min(ms*float64(time.Millisecond), float64(maxInterval)))
}

func (w *world) begin(t *timer) {
	if w.timers.all == nil {
		w.timers.all = map[int]*timer{}
	}
	w.timers.last++
	t.id = w.timers.last
	w.timers.all[t.id] = t
	t.due = time.Now().Add(t.every)
	t.clock = time.AfterFunc(t.every, func() { w.post(func() { w.fire(t) }) })
}

// fire calls what a timer is for. The next time is counted from when this one was due;
// those that were missed are left out.
func (w *world) fire(t *timer) {
	if w.timers.all[t.id] != t {
		return
	}
	if t.once {
		w.clear(t.id)
	} else {
		now := time.Now()
		t.due = t.due.Add(t.every)
		if t.due.Before(now) {
			t.due = now.Add(t.every)
		}
		t.clock.Reset(t.due.Sub(now))
	}
	if t.method != "" {
		w.call(t.f, t.method, t.args...)
		return
	}
	w.doing = "setInterval"
	if _, err := t.f.Call(engine.Undefined, t.args...); err != nil {
		w.report(err)
	}
}

func (w *world) clearInterval(c *engine.Call) (engine.Value, error) {
	n, err := c.Runtime.ToNumber(c.Arg(0))
	if err == nil && n == math.Trunc(n) && n > 0 && n <= float64(w.timers.last) {
		w.clear(int(n))
	}
	return engine.Undefined, err
}

// clear ends a timer. What it has goes when the event is over, which may be its own.
func (w *world) clear(id int) {
	t := w.timers.all[id]
	if t == nil {
		return
	}
	delete(w.timers.all, id)
	t.clock.Stop()
	w.after(func() {
		t.f.Release()
		for _, v := range t.args {
			v.Object().Release()
		}
	})
}

// clearTimers stops all of them, when the world ends.
func (w *world) clearTimers() {
	for _, t := range w.timers.all {
		t.clock.Stop()
	}
	for _, c := range w.clients {
		if c.limit != nil {
			c.limit.Stop()
		}
	}
}
