package arena

import (
	"errors"
	"fmt"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// step is how much of the range is made usable at a time. Pages that nobody touches cost nothing, so that it may be generous; it
	// is small enough that a system which counts what is usable (vm.overcommit_memory=2) has room for a thousand.
	step = 128 << 10

	// giveBack is how large a free block must be before its pages are given back to the system.
	giveBack = 256 << 10

	maxLimit = 4 << 30
)

var errNotRevoked = errors.New("the arena was not revoked, or is closed")

// Payer pays for memory, in bytes, and says no when it has none left.
type Payer interface {
	Take(bytes int64) bool
	Give(bytes int64)
}

// An Arena is a range of addresses and what of it is used.
type Arena struct {
	heap

	pays Payer // for what is usable; nil: nobody has to

	mu    sync.Mutex // guards mem and gone: Revoke and Close may come at once
	mem   []byte     // the whole range
	gone  bool       // revoked
	limit uintptr    // bytes of the range
	ready uintptr    // bytes from the range's beginning that are usable
	paid  int64
}

// New reserves limit bytes (rounded up to pages of the system), none of which cost memory before they are used. pays,
// which may be nil, pays for what is made usable: what it says no to is refused as what the limit does not allow.
func New(limit int, pays Payer) (*Arena, error) {
	if limit < step || limit > maxLimit {
		return nil, fmt.Errorf("an arena of %d bytes: must be %d to %d", limit, step, maxLimit)
	}
	limit = (limit + step - 1) / step * step
	mem, err := unix.Mmap(-1, 0, limit, unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_NORESERVE)
	if err != nil {
		return nil, fmt.Errorf("reserve %d bytes of addresses: %w", limit, err)
	}
	a := &Arena{mem: mem, limit: uintptr(limit), pays: pays}
	a.heap.init(uintptr(unsafe.Pointer(unsafe.SliceData(mem))), a.more, a.idle)
	a.heap.freeze, a.heap.thaw = a.giveUp, a.takeBack
	return a, nil
}

// Limit is how many bytes the arena can hold, with what it needs to know of them.
func (a *Arena) Limit() int { return int(a.limit) }

// Ready is how many bytes of the arena are usable and paid for; those that were never touched cost nothing.
func (a *Arena) Ready() int { return int(a.ready - a.frozen) }

// Shrink gives back what is free in large pieces, and what was paid for it, once that is spare bytes or more: less is kept, as what was
// needed once is needed again. It costs nothing where there is nothing to do.
func (a *Arena) Shrink(spare int) {
	if a.Ready()-a.Used() >= spare && (a.loose || a.apart >= giveBack) {
		a.Trim()
	}
}

// more makes at least n more bytes usable, and says how many it made so; 0 when the limit does not allow n.
func (a *Arena) more(n uintptr) uintptr {
	n = (n + step - 1) / step * step
	if n > a.limit-a.ready {
		return 0
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.gone || a.mem == nil || a.pays != nil && !a.pays.Take(int64(n)) {
		return 0
	}
	a.paid += int64(n)
	if err := unix.Mprotect(a.mem[a.ready:a.ready+n], unix.PROT_READ|unix.PROT_WRITE); err != nil {
		a.repay(int64(n))
		return 0 // the system has none left: for who asks that is the same as the limit
	}
	if a.ready == 0 {
		// All who begin use this much: one call is cheaper than a fault for each page. Where the system does not know it, they fault.
		_ = unix.Madvise(a.mem[:n], madvPopulateWrite)
	}
	a.ready += n
	return n
}

// repay gives back what was paid, with mu held.
func (a *Arena) repay(n int64) {
	a.paid -= n
	if a.pays != nil {
		a.pays.Give(n)
	}
}

const madvPopulateWrite = 23 // Linux 5.14

// idle gives the pages between two addresses back to the system; they are zero when they are touched again.
func (a *Arena) idle(from, to uintptr) {
	from = (from + page - 1) / page * page
	to = to / page * page
	if from >= to {
		return
	}
	base := a.base
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.gone || a.mem == nil {
		return
	}
	_ = unix.Madvise(a.mem[from-base:to-base], unix.MADV_DONTNEED) // they cost what they cost, no more
}

// giveUp gives pages back to the system, and what was paid for so many bytes of them; false: they stay as they are.
func (a *Arena) giveUp(from, to, paid uintptr) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.gone || a.mem == nil || unix.Madvise(a.mem[from-a.base:to-a.base], unix.MADV_DONTNEED) != nil {
		return false
	}
	a.repay(int64(paid))
	return true
}

// takeBack pays for pages that were given up.
func (a *Arena) takeBack(bytes uintptr) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.gone || a.mem == nil || a.pays != nil && !a.pays.Take(int64(bytes)) {
		return false
	}
	a.paid += int64(bytes)
	return true
}

// Revoke makes every address of the arena forbidden, for good: who touches one faults. It may be called by any goroutine, more than once.
func (a *Arena) Revoke() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.mem == nil {
		return nil
	}
	a.gone = true
	if err := unix.Mprotect(a.mem, unix.PROT_NONE); err != nil {
		return fmt.Errorf("forbid %d bytes of addresses: %w", len(a.mem), err)
	}
	return nil
}

// Drop gives the memory of a revoked arena back to the system, and keeps its addresses, as long as somebody may still come to touch them.
func (a *Arena) Drop() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.mem == nil || !a.gone {
		return errNotRevoked
	}
	err := unix.Madvise(a.mem, unix.MADV_DONTNEED)
	if err == nil {
		a.repay(a.paid)
	}
	return err
}

// Look makes what was revoked readable, for who looks where it stood.
func (a *Arena) Look() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.mem == nil || !a.gone {
		return errNotRevoked
	}
	return unix.Mprotect(a.mem[:a.ready], unix.PROT_READ)
}

// Close gives all of the arena back. Nobody may touch it afterwards: who may still run must be revoked first and have come back.
func (a *Arena) Close() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.mem == nil {
		return nil
	}
	mem := a.mem
	a.mem = nil
	a.repay(a.paid)
	return unix.Munmap(mem)
}

// Contains says whether an address lies in the usable part of the arena.
func (a *Arena) Contains(p uintptr) bool { return p >= a.base && p < a.base+a.ready }
