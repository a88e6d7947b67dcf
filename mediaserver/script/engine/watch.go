package engine

import (
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// watch is the clock of a runtime's calls. It is a timer that runs only while calls come: it is set when a call begins and none is set,
// and looks, when it fires, whether the call that is under way then has used up its time, of which it is owed what it could not have
// (see owed). What it does about that goes in steps: a flag
// that the engine looks at every few steps; then, after Limits.Grace, in which the process must have had as much of its processors, the
// arena is revoked, so that whatever the engine does faults; and when that, too, brings nothing back within Limits.Grace (and faultTime),
// because the goroutine is in a Go function that the script called, the runtime is declared dead while it runs. A goroutine that is in no
// such function has only not had a processor yet: it is given as much of the process's processor time before it is called lost.
type watch struct {
	late atomic.Bool // the engine is to stop: read by its owner at every poll

	mu    sync.Mutex
	timer *time.Timer
	alarm chan struct{} // closed when late is set; nil: nobody waits for it
	set   bool          // the timer is set
	fires time.Time     // when it is
	busy  bool          // a call is under way
	stop  bool          // Stop was called during it
	step  int           // what was done about it
	due   time.Time     // when the next step is taken
	since time.Time     // when step was taken, or else when the clock was first looked at during the call; zero: not yet
	used  time.Duration // of the process's processor time, then

	began   time.Time     // the call
	rested  time.Duration // that it has waited for its turn
	resting time.Time     // since when it does; zero: it does not

	dead  chan struct{} // closed when cause is set
	cause error
	where atomic.Pointer[string] // the Go function that the script called, while it runs
}

const (
	stepNone = iota
	stepFlag
	stepRevoked
)

// begin starts a call's time.
func (r *Runtime) begin() {
	w := &r.watch
	w.late.Store(false)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.alarm = nil // of a call that is over
	w.began = time.Now()
	w.busy, w.stop, w.step, w.due = true, false, stepNone, w.began.Add(r.time)
	w.since, w.rested, w.resting = time.Time{}, 0, time.Time{}
	if w.set && !w.fires.After(w.due) {
		return // it fires when an earlier call would have been due, and is set again then
	}
	w.look(w.began)
	if w.timer == nil {
		w.timer = time.AfterFunc(r.time, r.tick)
	}
	w.wait(r.time)
}

func (w *watch) wait(d time.Duration) {
	w.set, w.fires = true, time.Now().Add(d)
	w.timer.Reset(d)
}

// end stops it, and says whether the runtime was revoked or declared dead meanwhile.
func (r *Runtime) end() (revoked bool) {
	w := &r.watch
	w.mu.Lock()
	defer w.mu.Unlock()
	w.busy = false
	return w.step == stepRevoked
}

// tick is the timer's.
func (r *Runtime) tick() {
	w := &r.watch
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.busy || w.cause != nil {
		w.set = false
		return
	}
	now := time.Now()
	if w.step == stepNone && w.since.IsZero() {
		w.look(now)
		if now.Sub(w.due) > w.tolerance(r.time) { // the process has had nothing for a while, nobody knows for how long
			w.began, w.due = now, now.Add(r.time)
		}
	}
	if wait := w.due.Sub(now); wait > 0 {
		w.wait(wait)
		return
	}
	switch w.step {
	case stepNone:
		if wait := w.began.Add(r.time + w.owed(now, r.time)).Sub(now); wait > w.tolerance(r.time) {
			w.due = now.Add(wait)
			w.wait(wait)
			return
		}
		w.raise()
	case stepFlag:
		if w.starves(r.limits.Grace) {
			return
		}
		if err := r.mem.Revoke(); err != nil {
			r.declare(&Error{Kind: ErrDead, Message: err.Error()})
		}
		w.step = stepRevoked
		w.look(now)
	case stepRevoked:
		at := "a function that looks at nothing of the script's"
		if name := w.where.Load(); name != nil {
			at = "the server's function " + *name
		} else if w.starves(max(r.limits.Grace, faultTime)) {
			return
		}
		r.declare(&Error{Kind: ErrDead, Message: "does not come back from " + at})
		_ = r.mem.Drop() // what cannot be given back now goes with the addresses
	}
	wait := r.limits.Grace
	if w.step == stepRevoked {
		wait = max(wait, faultTime)
	}
	w.due = time.Now().Add(wait)
	w.wait(wait)
}

// faultTime is how long a goroutine in the engine may take at least to come to its next access to memory, of the processor time of a
// process in which many others compute: it is there at once when it gets a processor, and there is no hurry, as its memory is gone.
const faultTime = 2 * time.Second

// Stop ends the call that is under way, if one is, as if its time were up, with ErrStopped. Any goroutine may call it.
func (r *Runtime) Stop() {
	w := &r.watch
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.busy || w.step != stepNone {
		return
	}
	w.stop = true
	w.raise()
	w.due = w.since.Add(r.limits.Grace)
	w.wait(r.limits.Grace)
}

// whenLate is closed when the engine is to stop. The watch's lock is held.
func (w *watch) whenLate() <-chan struct{} {
	if w.late.Load() { // raise has been here, and closes none twice
		now := make(chan struct{})
		close(now)
		return now
	}
	if w.alarm == nil {
		w.alarm = make(chan struct{})
	}
	return w.alarm
}

// raise sets the flag.
func (w *watch) raise() {
	w.late.Store(true)
	if w.alarm != nil {
		close(w.alarm)
		w.alarm = nil
	}
	w.step = stepFlag
	w.look(time.Now())
}

// look notes what the process has had of its processors until now.
func (w *watch) look(now time.Time) { w.since, w.used = now, processorTime() }

// maxOwed bounds what a call is owed.
const maxOwed = 10 * time.Second

// owed is how much longer a call may take that would be over by now: what it has waited for its turn, or the process for its processors,
// on a machine that is very busy or where it may use no more. A script that does little is not ended for what others do. It is no reason
// for more than ten times as long, nor for more than maxOwed.
func (w *watch) owed(now time.Time, limit time.Duration) time.Duration {
	rested := w.rested
	if !w.resting.IsZero() {
		rested += now.Sub(w.resting)
	}
	starved := now.Sub(w.since) - (processorTime() - w.used)
	return min(max(rested, starved), 9*limit, maxOwed)
}

// tolerance is what a call of so long is not owed, nor anybody else.
func (w *watch) tolerance(limit time.Duration) time.Duration { return max(limit/100, time.Millisecond) }

// rest is called every now and then by who computes, and waits for the script's turn, if it has one, until the engine is to stop. Most
// calls are over before: for one that begins while the timer runs, time is counted from here on.
func (w *watch) rest(turn Turn, limit time.Duration) {
	w.mu.Lock()
	now := time.Now()
	if w.since.IsZero() {
		w.look(now)
		w.began, w.due = now, now.Add(limit)
	}
	if turn == nil {
		w.mu.Unlock()
		return
	}
	w.resting = now
	gone := w.whenLate()
	w.mu.Unlock()
	turn.Rest(gone)
	w.mu.Lock()
	w.rested += time.Since(w.resting)
	w.resting = time.Time{}
	w.mu.Unlock()
}

// starves sets the timer again when the process has not had so much of its processors since the last step: on a machine that is very
// busy, or where it may use no more, a script that would stop at once has not had the time to. It is no reason for more than ten times
// as long.
func (w *watch) starves(grace time.Duration) bool {
	used := processorTime() - w.used
	if used >= grace || time.Since(w.since) >= 10*grace {
		return false
	}
	wait := max((grace-used)/2, time.Millisecond)
	w.due = time.Now().Add(wait)
	w.wait(wait)
	return true
}

// processorTime is what the process has had of its processors.
func processorTime() time.Duration {
	var u unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &u) != nil {
		return 0 // no system that we know refuses it; then nothing is held to starve for long
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// lateKind is why the engine was to stop.
func (r *Runtime) lateKind() error {
	r.watch.mu.Lock()
	defer r.watch.mu.Unlock()
	if r.watch.stop {
		return ErrStopped
	}
	return ErrTime
}

// declare says that the runtime is dead; the first reason stays. The watch's lock is held.
func (r *Runtime) declare(cause error) {
	if w := &r.watch; w.cause == nil {
		w.cause = cause
		close(w.dead)
	}
}

func (r *Runtime) die(cause error) {
	r.watch.mu.Lock()
	defer r.watch.mu.Unlock()
	r.declare(cause)
}

// Dead is closed when the runtime is dead: it failed in a way that leaves nothing to rely on, or does not come back from a call. Any
// goroutine may wait for it; a runtime that is closed is not dead.
func (r *Runtime) Dead() <-chan struct{} { return r.watch.dead }

// Err says why the runtime is dead and where it stood, or nil. Any goroutine may ask.
func (r *Runtime) Err() error {
	r.watch.mu.Lock()
	defer r.watch.mu.Unlock()
	return r.watch.cause
}
