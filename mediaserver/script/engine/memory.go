package engine

import (
	"modernc.org/libc"
	lib "modernc.org/libquickjs"

	"flashpod.dev/flashpod/mediaserver/script/engine/arena"
)

// memoryFunctions are how the engine gets memory: from the runtime's arena. It has an allocator of its own for small blocks on top of
// it, so that what comes here are pages of those, and what is larger than half a kilobyte.
var memoryFunctions = func() uintptr {
	p := libc.Xmalloc(nil, 32)
	if p == 0 {
		panic("no memory for four addresses")
	}
	*ptr[lib.TJSMallocFunctions](p) = lib.TJSMallocFunctions{
		Fjs_malloc: code(onAlloc), Fjs_free: code(onFree), Fjs_realloc: code(onRealloc), Fjs_malloc_usable_size: code(onSize),
	}
	return p
}()

func onAlloc(_ *libc.TLS, state uintptr, size uint64) uintptr {
	s := ptr[lib.TJSMallocState](state)
	r := runtimeOf(s.Fopaque)
	p := r.mem.Alloc(uintptr(size))
	if p == 0 {
		r.refused = true
		return 0
	}
	s.Fmalloc_count++
	s.Fmalloc_size = uint64(r.mem.Used())
	return p
}

func onFree(_ *libc.TLS, state, p uintptr) {
	if p == 0 {
		return
	}
	s := ptr[lib.TJSMallocState](state)
	r := runtimeOf(s.Fopaque)
	s.Fmalloc_count--
	r.mem.Free(p)
	s.Fmalloc_size = uint64(r.mem.Used())
}

func onRealloc(tls *libc.TLS, state, p uintptr, size uint64) uintptr {
	if p == 0 && size == 0 {
		return 0
	}
	if p == 0 {
		return onAlloc(tls, state, size)
	}
	if size == 0 {
		onFree(tls, state, p)
		return 0
	}
	s := ptr[lib.TJSMallocState](state)
	r := runtimeOf(s.Fopaque)
	q := r.mem.Realloc(p, uintptr(size))
	if q == 0 {
		r.refused = true
		return 0
	}
	s.Fmalloc_size = uint64(r.mem.Used())
	return q
}

// reserve is a block that nobody uses. When a call has run out of memory it is given up, so that the next one has room to let go of
// what the script holds, and taken back as soon as there is room for it twice.
const reserve = 64 << 10

// spareMemory is how much of the runtime's memory may be free, and paid for, between two calls: with more, all that is free in large
// pieces is given back, and so is what was paid for it.
const spareMemory = 1 << 20

func (r *Runtime) giveUpReserve() {
	if r.spare != 0 {
		r.mem.Free(r.spare)
		r.spare = 0
	}
}

func (r *Runtime) takeReserve() {
	if r.spare == 0 && r.mem.Used()+2*reserve < r.limits.Memory {
		r.spare = r.mem.Alloc(reserve)
	}
}

// onSize says how many bytes may be used, with no state to ask: the arena has it before the block.
func onSize(_ *libc.TLS, p uintptr) uint64 { return uint64(arena.Size(p)) }

// Memory is what a runtime uses, in bytes.
type Memory struct {
	Used  int // of the script's
	Taken int // of the system's at most, and paid for: what was used once and is not given back yet
	Limit int
}

// Memory says what the runtime uses. It costs nothing.
func (r *Runtime) Memory() Memory {
	if r.usable() != nil {
		return Memory{}
	}
	return Memory{Used: r.mem.Used(), Taken: r.mem.Ready(), Limit: r.mem.Limit()}
}

// Collect frees what the script cannot reach any more, and gives what is free to the system. It takes time, like a call: a few
// milliseconds a megabyte.
func (r *Runtime) Collect() error {
	return r.run(func() error {
		lib.XJS_RunGC(r.tls, r.rt)
		r.mem.Trim()
		return nil
	})
}
