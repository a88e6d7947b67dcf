package engine

import (
	"unsafe"

	"modernc.org/libc"
	lib "modernc.org/libquickjs"
)

// rejections are promises that were rejected while nobody listened.
type rejections struct {
	first *Error // of this call
	on    uintptr
}

// runJobs runs what promises have left to do, in the time of the call that is under way, and says the first that went wrong with nobody
// to hear of it. When the time is up, what is left is forgotten: those promises are never settled.
func (r *Runtime) runJobs() error {
	var failed error
	for lib.XJS_IsJobPending(r.tls, r.rt) != 0 {
		if r.watch.late.Load() {
			r.dropJobs()
			failed = &Error{Kind: r.lateKind()}
			break
		}
		ctx := r.tls.Alloc(8)
		code := lib.XJS_ExecutePendingJob(r.tls, r.rt, ctx)
		r.tls.Free(8)
		if code < 0 {
			if e := r.exception(); failed == nil {
				failed = e
			}
		}
	}
	first := r.jobs.first
	r.jobs = rejections{}
	if first == nil || failed != nil {
		return failed
	}
	return first
}

// dropJobs frees the engine's list of what is left to do, as the engine itself does when a runtime ends.
func (r *Runtime) dropJobs() {
	head := &ptr[lib.TJSRuntime](r.rt).Fjob_list
	end := uintptr(unsafe.Pointer(head))
	for head.Fnext != end {
		job := ptr[lib.TJSJobEntry](head.Fnext)
		entry := head.Fnext
		ptr[lib.Tlist_head](job.Flink.Fprev).Fnext = job.Flink.Fnext
		ptr[lib.Tlist_head](job.Flink.Fnext).Fprev = job.Flink.Fprev
		r.freeArgs(entry+unsafe.Sizeof(*job), int(job.Fargc))
		realm := job.Frealm
		lib.Xjs_free_rt(r.tls, r.rt, entry)
		lib.XJS_FreeContext(r.tls, realm) // which is ours, and counted for each job
	}
}

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
