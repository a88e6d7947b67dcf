package engine

import (
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"time"

	"modernc.org/libc"
	lib "modernc.org/libquickjs"

	"flashpod.dev/flashpod/mediaserver/script/engine/arena"
)

// A Runtime is one script's world: its global object and all that it made.
//
// Whoever calls its methods, and those of the values that come from it, is its owner for that time: one goroutine at once. Which
// goroutine that is may change between calls, if what hands the runtime over orders memory (a channel, a lock). Dead, Err and Limits are
// for everybody.
type Runtime struct {
	limits  Limits
	time    time.Duration // of one call: Limits.Time, or what Within says
	mem     *arena.Arena
	tls     *libc.TLS
	pin     runtime.Pinner
	rt      uintptr // TJSRuntime and TJSContext, in the arena
	ctx     uintptr
	spare   uintptr // see reserve
	scratch uintptr // scratchSize bytes for strings on their way in
	classes struct{ plain, exotic, ref lib.TJSClassID }

	depth   int    // of run
	refused bool   // memory was asked for and not given since the call from outside began
	polls   uint   // since New
	tooDeep bool   // the variables of calls took too much
	ended   *Error // a panic in Go that ends the call
	broken  bool   // what the engine has in memory is not to be relied on
	closed  bool

	slots   slots      // what the script's objects refer to in Go
	methods []function // of classes, by the number that the engine calls them by
	onCall  func(name string) error
	guarded []guarded
	// compilePattern is how the engine reads a regular expression.
	compilePattern func(tls *libc.TLS, ctx uintptr, pattern, flags jsv) jsv
	handles        handles
	jobs           rejections

	watch watch
}

// New makes a runtime with the language's own functions, less those that a script of a stranger should not have.
func New(limits Limits) (*Runtime, error) {
	limits, err := limits.fill()
	if err != nil {
		return nil, fmt.Errorf("make a runtime: %w", err)
	}
	r := &Runtime{limits: limits, watch: watch{dead: make(chan struct{})}}
	r.slots.r = r
	if r.mem, err = arena.New(limits.Memory, limits.Pays); err != nil {
		return nil, fmt.Errorf("make a runtime: %w", err)
	}
	r.tls = libc.NewTLS()
	r.pin.Pin(r)
	r.time = setUpTime
	if err := r.run(r.setUp); err != nil {
		r.Close()
		return nil, fmt.Errorf("make a runtime: %w", err)
	}
	r.time = limits.Time
	return r, nil
}

// setUpTime is for what no script has a part in, on a machine that is very busy.
const setUpTime = time.Minute

var errSetUp = errors.New("the engine does not start: too little memory is left for it, of its own or of what all scripts may have")

func (r *Runtime) setUp() error {
	if r.rt = lib.XJS_NewRuntime2(r.tls, memoryFunctions, r.self()); r.rt == 0 {
		return errSetUp
	}
	lib.XJS_SetMaxStackSize(r.tls, r.rt, uint64(r.limits.Depth))
	lib.XJS_SetInterruptHandler(r.tls, r.rt, code(onPoll), r.self())
	lib.XJS_SetHostPromiseRejectionTracker(r.tls, r.rt, code(onRejection), r.self())
	if r.ctx = lib.XJS_NewContextRaw(r.tls, r.rt); r.ctx == 0 {
		return errSetUp
	}
	lib.XJS_SetContextOpaque(r.tls, r.ctx, r.self())
	if r.scratch = lib.Xjs_malloc(r.tls, r.ctx, scratchSize+1); r.scratch == 0 {
		return errSetUp
	}
	if err := r.language(); err != nil {
		return err
	}
	if err := r.defineClasses(); err != nil {
		return err
	}
	return r.guard()
}

// Close gives back all that the runtime has. It is the owner's, like all methods, and refused while a call is under way: then the owner
// is inside the engine. A runtime whose owner does not come back is closed by nobody; what it has stays as it is until then, without
// costing time.
func (r *Runtime) Close() {
	if r.closed || r.depth > 0 {
		return
	}
	r.closed = true
	r.watch.mu.Lock()
	if r.watch.timer != nil {
		r.watch.timer.Stop()
	}
	r.watch.mu.Unlock()
	// The engine's own way to free a runtime visits every object of it; the arena goes as a whole.
	r.tls.Close()
	_ = r.mem.Close() // addresses that cannot be given back stay reserved, and cost nothing
	r.pin.Unpin()
	r.slots, r.methods, r.handles = slots{}, nil, handles{}
}

// Limits are the limits that hold, defaults filled in.
func (r *Runtime) Limits() Limits { return r.limits }

// usable says why the runtime cannot be used.
func (r *Runtime) usable() error {
	switch {
	case r.closed:
		return ErrClosed
	case r.broken:
		return r.deadError()
	}
	return nil
}

func (r *Runtime) deadError() error {
	if err := r.Err(); err != nil {
		return err
	}
	return ErrDead
}

// run does f, which uses the engine, with its time limited if it is the outermost, and turns all that can go wrong into an error. After
// a panic inside the engine, a revoked arena's fault among them, nothing in it is to be relied on: the runtime is dead, and each run
// that is under way ends on its way out.
func (r *Runtime) run(f func() error) (err error) {
	if err := r.usable(); err != nil {
		return err
	}
	outermost := r.depth == 0
	if outermost {
		r.refused, r.tooDeep = false, false
		r.begin()
		old := debug.SetPanicOnFault(true)
		defer debug.SetPanicOnFault(old)
	}
	r.depth++
	came := false
	defer func() {
		r.depth--
		if !came {
			err = r.failed(recover(), outermost)
		}
		if outermost && r.end() && !r.broken {
			r.broken = true
			r.die(&Error{Kind: ErrDead, Message: "its time was up, and its memory gone, before it came back"})
			err = r.deadError()
		}
		if outermost && r.broken {
			r.abandon()
		}
	}()
	err = f()
	if outermost && r.rt != 0 {
		err = r.settle(err)
	}
	came = true
	return err
}

// settle does what is left to do when a call from outside has come to its end: promises, and memory that was refused.
func (r *Runtime) settle(err error) error {
	if jobs := r.runJobs(); err == nil {
		err = jobs
	}
	if r.refused {
		lib.XJS_RunGC(r.tls, r.rt)
		r.giveUpReserve()
	} else {
		r.takeReserve()
	}
	r.slots.finish()
	r.mem.Shrink(spareMemory)
	return err
}

// unwinding is what takes a broken runtime's goroutine out of the engine, from a Go function that the script called.
type unwinding struct{}

// failed makes the runtime dead after a panic, or after runtime.Goexit, whose reason is nil.
func (r *Runtime) failed(reason any, outermost bool) error {
	if !r.broken {
		r.broken = true
		r.die(r.describe(reason))
	}
	return r.deadError()
}

// abandon gives back what can be given back of a dead runtime at once: all of its memory.
func (r *Runtime) abandon() {
	r.rt, r.ctx = 0, 0
	_ = r.mem.Close()
	r.slots, r.handles = slots{}, handles{}
}

// describe says why a runtime is dead and where it stood.
func (r *Runtime) describe(reason any) *Error {
	e := &Error{Kind: ErrDead}
	type fault interface {
		error
		Addr() uintptr
	}
	r.watch.mu.Lock()
	revoked := r.watch.step == stepRevoked
	r.watch.mu.Unlock()
	switch f, isFault := reason.(fault); {
	case isFault && revoked:
		e.Message = fmt.Sprintf("took longer than %v in a function of the language's own that cannot be stopped", r.time)
		_ = r.mem.Look()
	case reason == nil:
		e.Message = "the goroutine ended inside of it"
	case isFault:
		e.Message = "the engine failed: " + f.Error()
	default:
		e.Message = fmt.Sprintf("the engine failed: %v", reason)
	}
	e.at(r.postMortem())
	e.native = nativeFrame()
	return e
}
