package arena

import (
	"math/bits"
	"os"
	"slices"
)

var page = uintptr(os.Getpagesize())

// inside is what of a free block is not needed while it is free, in whole pages.
func inside(b, size uintptr) (from, to uintptr) {
	from = (b + smallest + page - 1) / page * page
	return from, max(from, (b+size)/page*page)
}

func bytesInside(b, size uintptr) uintptr {
	from, to := inside(b, size)
	return to - from
}

// Trim freezes all large free blocks: their pages are given back to the system.
func (h *heap) Trim() {
	h.gather()
	defer func() { h.loose = false }()
	for _, b := range h.large(0) {
		size := at(b).size &^ state
		from, to := inside(b, size)
		if !h.freeze(from, to, to-from) {
			return
		}
		at(b).size |= frozen
		h.frozen += to - from
	}
}

// large are the large free blocks that are frozen, or are not, in the order of their addresses.
func (h *heap) large(is uintptr) (all []uintptr) {
	for power := bits.Len64(giveBack) - 1 - 5; power < powers; power++ {
		for _, b := range h.lists[power] {
			for ; b != 0; b = at(b).next {
				if at(b).size&frozen == is && at(b).size&^state >= giveBack {
					all = append(all, b)
				}
			}
		}
	}
	slices.Sort(all)
	return all
}

// gather makes frozen blocks one with what is free beside them.
func (h *heap) gather() {
	if h.frozen == 0 {
		h.apart = 0
		return
	}
	over := h.base
	for _, b := range h.large(frozen) {
		if b < over {
			continue // it is part of the one before
		}
		size := at(b).size &^ state
		first, all, had := b, size, bytesInside(b, size)
		if before := at(b).before; before != 0 && at(b-before).size&free != 0 {
			first, all = b-before, before+size
		}
		for next := first + all; at(next).size&free != 0; next = first + all {
			more := at(next).size &^ state
			if at(next).size&frozen != 0 {
				had += bytesInside(next, more)
			}
			all += more
		}
		over = first + all
		if all == size {
			continue
		}
		from, to := inside(first, all)
		for p := first; p < over; p += at(p).size &^ state {
			h.unlink(p)
		}
		at(over).before = all
		if !h.freeze(from, to, to-from-had) { // it is revoked: nothing is used any more
			h.link(first, all|free)
			continue
		}
		h.link(first, all|free|frozen)
		h.frozen += to - from - had
	}
	h.apart = 0
}

// use thaws as much of a frozen block as is wanted, and some more, and makes it a block of its own; false: nobody pays for that.
func (h *heap) use(b, want uintptr) bool {
	size := at(b).size &^ state
	part := (want + smallest + giveBack - 1) / giveBack * giveBack
	if part >= size || size-part < giveBack {
		part = size
	}
	bytes := bytesInside(b, size)
	if part < size {
		bytes -= bytesInside(b+part, size-part)
	}
	if !h.thaw(bytes) {
		return false
	}
	h.frozen -= bytes
	h.unlink(b)
	if part < size {
		rest := b + part
		at(rest).before = part
		at(b + size).before = size - part
		h.link(rest, (size-part)|free|frozen)
		h.apart += part
	}
	h.link(b, part|free)
	return true
}
