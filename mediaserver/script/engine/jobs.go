package engine

import (
	"modernc.org/libc"
	lib "modernc.org/libquickjs"
)

// rejections are promises that were rejected while nobody listened.
type rejections struct {
	first *Error // of this call
	on    uintptr
}

// runJobs runs what promises have left to do, in the time of the call that is under way, and says the first that went wrong with nobody
// to hear of it. When the time is up, what is left is not done.
func (r *Runtime) runJobs() error {
	var failed error
	for n := 0; lib.XJS_IsJobPending(r.tls, r.rt) != 0; n++ {
		late := r.watch.late.Load()
		if late && n > maxLateJobs {
			panic("promises that never come to an end") // they cannot be taken back: run makes the runtime dead
		}
		if late {
			ptr[lib.TJSContext](r.ctx).Finterrupt_counter = 0 // each ends at its first step
		}
		ctx := r.tls.Alloc(8)
		code := lib.XJS_ExecutePendingJob(r.tls, r.rt, ctx)
		r.tls.Free(8)
		if code < 0 {
			if e := r.exception(); failed == nil {
				failed = e
			}
		}
		if late && failed == nil {
			failed = &Error{Kind: r.lateKind()}
		}
	}
	first := r.jobs.first
	r.jobs = rejections{}
	if first == nil || failed != nil {
		return failed
	}
	return first
}

// maxLateJobs is how many promises may come to their end after the time is up.
const maxLateJobs = 100_000

// onRejection is told by the engine of a promise that is rejected without a listener, and of one that gets one afterwards.
func onRejection(_ *libc.TLS, ctx uintptr, promise, reason jsv, handled int32, opaque uintptr) {
	r := runtimeOf(opaque)
	if handled != 0 {
		if r.jobs.on == pointer(promise) {
			r.jobs = rejections{}
		}
		return
	}
	if r.jobs.first != nil {
		return
	}
	// exception describes what is thrown: what was, if anything, is put back.
	before := lib.XJS_GetException(r.tls, ctx)
	lib.XJS_Throw(r.tls, ctx, r.dup(reason))
	r.jobs = rejections{first: r.exception(), on: pointer(promise)}
	if before.Ftag != lib.EJS_TAG_UNINITIALIZED {
		lib.XJS_Throw(r.tls, ctx, before)
	}
}
