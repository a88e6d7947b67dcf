package arena

import (
	"math/bits"
	"unsafe"
)

// heap divides a range of addresses into blocks. Free blocks are kept in lists by size, two levels deep (powers of two, and 16 parts of
// each), as in Masmano, Ripoll, Crespo and Real, "TLSF: a new dynamic memory allocator for real-time systems", ECRTS 2004: to allocate
// and to free costs the same whatever the script did before, and neighbours that are free are one block. What is known of a block stands
// before it; which lists have blocks is kept outside of the range.
//
// A large free block may be frozen: the pages inside of it are given back, and nobody pays for them. It is thawed, in part, before any of
// it is used, and is not joined with its neighbours before they are frozen with it (see frozen.go).
type heap struct {
	base  uintptr                 // where the range begins
	end   uintptr                 // where the usable part ends: the last block's end
	used  uintptr                 // bytes of blocks that are in use, with their headers
	first uint32                  // which powers of two have free blocks
	parts [powers]uint16          // which parts of each
	lists [powers][parts]uintptr  // the first free block of each list, 0 if none
	more  func(n uintptr) uintptr // makes at least n bytes at end usable, returns how many, or 0
	idle  func(from, to uintptr)  // gives what lies between back to the system

	frozen uintptr                           // bytes inside of frozen blocks
	apart  uintptr                           // of free blocks that may lie beside frozen ones
	loose  bool                              // there may be a large free block that is not frozen
	freeze func(from, to, paid uintptr) bool // gives pages back, and what was paid for so many bytes of them
	thaw   func(bytes uintptr) bool          // pays for pages that will be used
}

const (
	align    = 16
	overhead = 16 // the header's size
	smallest = 32 // of a block, with header: a free one has two links
	parts    = 16
	partBits = 4
	powers   = 32 // of two, from smallest up

	free   = 1 // bits of header.size
	frozen = 2
	state  = free | frozen
)

// header stands before each block. A block's size is a multiple of 16, so that the lowest bits say whether it is free, and frozen.
type header struct {
	size   uintptr // of the block with this header, and its state
	before uintptr // the size of the block that lies before, 0 for the first
	next   uintptr // of a free block: the next and the previous one of its list
	prev   uintptr
}

func at(p uintptr) *header { return (*header)(unsafe.Add(nil, p)) } // addresses here are none of Go's

func (h *heap) init(base uintptr, more func(n uintptr) uintptr, idle func(from, to uintptr)) {
	h.base, h.end, h.more, h.idle = base, base, more, idle
}

// Used is how many bytes are in use.
func (h *heap) Used() int { return int(h.used) }

// list says which list a free block of a size belongs to: all blocks in it are at least as large as the list's smallest.
func list(size uintptr) (power, part int) {
	power = bits.Len64(uint64(size)) - 1
	part = int(size>>(power-partBits)) & (parts - 1)
	return power - 5, part
}

// atLeast says in which list to begin to look so that every block found is large enough.
func atLeast(size uintptr) (power, part int) {
	p := bits.Len64(uint64(size)) - 1
	size += 1<<(p-partBits) - 1
	return list(size)
}

// Alloc returns the address of n bytes, aligned to 16, or 0 when there is no room.
func (h *heap) Alloc(n uintptr) uintptr {
	if n > maxLimit {
		return 0
	}
	size := blockSize(n)
	b := h.find(size)
	if b == 0 && h.apart > 0 {
		h.gather()
		b = h.find(size)
	}
	if b == 0 {
		b = h.grow(size)
	}
	if b == 0 || at(b).size&frozen != 0 && !h.use(b, size) {
		return 0
	}
	h.unlink(b)
	h.cut(b, size)
	h.used += at(b).size
	return b + overhead
}

func blockSize(n uintptr) uintptr {
	return max((n+overhead+align-1)&^(align-1), smallest)
}

// find returns a free block of at least size bytes that is still in its list, or 0.
func (h *heap) find(size uintptr) uintptr {
	power, part := atLeast(size)
	if power >= powers {
		return 0
	}
	if left := h.parts[power] >> part << part; left != 0 {
		return h.lists[power][bits.TrailingZeros16(left)]
	}
	left := h.first >> (power + 1) << (power + 1)
	if left == 0 {
		return 0
	}
	power = bits.TrailingZeros32(left)
	return h.lists[power][bits.TrailingZeros16(h.parts[power])]
}

// grow makes a free block of at least size bytes at the end of the range. The last block's size is kept in a header of no size behind it,
// which is what its neighbour would be.
func (h *heap) grow(size uintptr) uintptr {
	if h.frozen > 0 {
		if last := h.end - overhead - at(h.end-overhead).before; at(last).size&frozen != 0 && !h.use(last, at(last).size&^state) {
			return 0
		}
	}
	got := h.more(size + overhead)
	if got == 0 {
		return 0
	}
	var b, before uintptr
	if h.end == h.base {
		b = h.base
	} else {
		b = h.end - overhead
		before = at(b).before
	}
	h.end += got
	*at(b) = header{size: h.end - overhead - b, before: before}
	last := at(h.end - overhead)
	last.size, last.before = 0, at(b).size
	return h.join(b)
}

// cut makes what a block has more than size bytes a free block, where that is worth it.
func (h *heap) cut(b, size uintptr) {
	all := at(b).size &^ state
	if all-size < smallest {
		at(b).size = all
		return
	}
	at(b).size = size
	rest := b + size
	*at(rest) = header{size: all - size, before: size}
	at(rest + all - size).before = all - size
	h.join(rest)
}

// join makes a block free, one with its neighbours that are free and not frozen, and puts it into its list.
func (h *heap) join(b uintptr) uintptr {
	size, apart := at(b).size&^state, false
	switch next := b + size; at(next).size & state {
	case free:
		h.unlink(next)
		size += at(next).size &^ state
	case free | frozen:
		apart = true
	}
	if before := at(b).before; before != 0 {
		switch at(b-before).size & state {
		case free:
			b -= before
			h.unlink(b)
			size += before
		case free | frozen:
			apart = true
		}
	}
	if apart {
		h.apart += size
	}
	at(b + size).before = size
	h.link(b, size|free)
	return b
}

// link puts a free block into its list.
func (h *heap) link(b, size uintptr) {
	at(b).size = size
	h.loose = h.loose || size&frozen == 0 && size >= giveBack
	power, part := list(size &^ state)
	head := h.lists[power][part]
	at(b).next, at(b).prev = head, 0
	if head != 0 {
		at(head).prev = b
	}
	h.lists[power][part] = b
	h.parts[power] |= 1 << part
	h.first |= 1 << power
}

func (h *heap) unlink(b uintptr) {
	power, part := list(at(b).size &^ state)
	next, prev := at(b).next, at(b).prev
	if next != 0 {
		at(next).prev = prev
	}
	if prev != 0 {
		at(prev).next = next
		return
	}
	h.lists[power][part] = next
	if next == 0 {
		if h.parts[power] &^= 1 << part; h.parts[power] == 0 {
			h.first &^= 1 << power
		}
	}
}

// Free gives back what Alloc returned; 0 is nothing.
func (h *heap) Free(p uintptr) {
	if p == 0 {
		return
	}
	b := p - overhead
	size := at(b).size
	h.used -= size
	h.join(b)
	if size >= giveBack {
		h.idle(b+smallest, b+size)
	}
}

// Realloc makes what Alloc returned n bytes large, where it is if there is room, and returns its address; 0 when there is no room, and
// then it stays as it was.
func (h *heap) Realloc(p, n uintptr) uintptr {
	if p == 0 {
		return h.Alloc(n)
	}
	if n > maxLimit {
		return 0
	}
	b, size := p-overhead, blockSize(n)
	old := at(b).size
	if next := b + old; size > old && at(next).size&free != 0 && old+at(next).size&^state >= size &&
		(at(next).size&frozen == 0 || h.use(next, size-old)) {
		h.unlink(next)
		all := old + at(next).size&^state
		at(b).size = all
		at(b + all).before = all
		h.used += all - old
		old = all
	}
	if size <= old {
		h.cut(b, size)
		h.used -= old - at(b).size
		return p
	}
	moved := h.Alloc(n)
	if moved == 0 {
		return 0
	}
	copy(unsafe.Slice((*byte)(unsafe.Add(nil, moved)), old-overhead), unsafe.Slice((*byte)(unsafe.Add(nil, p)), old-overhead))
	h.Free(p)
	return moved
}

// Size is how many bytes may be used at an address that Alloc returned, which may be more than were asked for.
func Size(p uintptr) uintptr {
	if p == 0 {
		return 0
	}
	return at(p-overhead).size - overhead
}
