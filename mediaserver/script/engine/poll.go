package engine

import (
	"modernc.org/libc"
	lib "modernc.org/libquickjs"
)

const (
	// pollEvery is how many calls and backward jumps there are between two looks at the clock's flag. The engine's own number, ten
	// thousand, is too many: each of them may be a function of the language's own that takes milliseconds.
	pollEvery = 8

	// restEvery is how many looks there are between two at whose turn it is, and what time: a tenth of a millisecond of small steps.
	restEvery = 64

	// frameBytes is how much the variables of pollEvery calls may take that are under way one in another. They lie outside of the
	// arena: what a call needs for its variables and its operands, the engine takes from the process. At a depth of 1,000 this
	// makes 16 MB at most.
	frameBytes = 128 << 10
)

// onPoll is asked by the engine, every few steps, whether to stop.
func onPoll(_ *libc.TLS, _, opaque uintptr) int32 {
	r := runtimeOf(opaque)
	if r.watch.late.Load() || r.framesTooLarge() {
		return 1
	}
	if r.polls++; r.polls%restEvery == 0 {
		r.watch.rest(r.limits.Turn, r.time)
		if r.watch.late.Load() {
			return 1
		}
	}
	if r.ctx == 0 {
		return 0
	}
	ptr[lib.TJSContext](r.ctx).Finterrupt_counter = pollEvery
	// The engine looks for garbage when half as much again is used as after the last time, which may be more than there is.
	if rt := ptr[lib.TJSRuntime](r.rt); rt.Fmalloc_gc_threshold > uint64(r.limits.Memory)/8*7 {
		rt.Fmalloc_gc_threshold = max(uint64(r.limits.Memory)/8*7, uint64(r.mem.Used()+r.limits.Memory/32))
	}
	return 0
}

// framesTooLarge looks at the calls that began since the last look.
func (r *Runtime) framesTooLarge() bool {
	if r.rt == 0 {
		return false
	}
	var bytes int
	frame := ptr[lib.TJSRuntime](r.rt).Fcurrent_stack_frame
	for range pollEvery {
		if frame == 0 {
			return false
		}
		f := ptr[lib.TJSStackFrame](frame)
		if b := bytecodeOf(f.Fcur_func); b != 0 {
			fb := ptr[lib.TJSFunctionBytecode](b)
			bytes += 16 * (int(fb.Farg_count) + int(fb.Fvar_count) + int(fb.Fstack_size))
		}
		if bytes > frameBytes {
			r.tooDeep = true
			return true
		}
		frame = f.Fprev_frame
	}
	return false
}
