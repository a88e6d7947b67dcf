package relay

import (
	"net/netip"
	"sync"
	"time"
)

const (
	// windowSize is by how many of a sender's wrappers one may come late.
	windowSize = 4096
	// maxSenders bounds the servers whose counts are kept: four times what an AppInstance
	// may have. They have shown a key.
	maxSenders = 4096
)

// windows say which wrappers have come.
type windows struct {
	mu sync.Mutex // nothing else is taken while it is held
	of map[netip.AddrPort]*window
}

// window is a sender's [RFC 4303 §3.4.3 has the idea].
type window struct {
	newest uint64
	at     time.Time               // when the last one has come
	seen   [windowSize / 64]uint64 // by the counts' last bits
}

// firstCount is where a server begins to count, so that it is above what one of the same
// address counted before it: microseconds, of which none is counted up by sending.
func firstCount(now time.Time) uint64 { return uint64(now.UnixMicro()) }

// fresh says whether a sender's wrapper of this count has not come yet, and remembers it.
func (w *windows) fresh(sender netip.AddrPort, count uint64, now time.Time) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	one := w.of[sender]
	if one == nil {
		if w.of == nil {
			w.of = map[netip.AddrPort]*window{}
		}
		for gone := range w.of { // one that sends on is there at once
			if len(w.of) < maxSenders {
				break
			}
			delete(w.of, gone)
		}
		one = &window{newest: count}
		w.of[sender] = one
	}
	switch {
	case count > one.newest && count-one.newest >= windowSize:
		one.seen, one.newest = [windowSize / 64]uint64{}, count
	case count > one.newest:
		for n := one.newest + 1; n <= count; n++ {
			one.set(n, false)
		}
		one.newest = count
	case one.newest-count >= windowSize || one.has(count):
		return false
	}
	one.set(count, true)
	one.at = now
	return true
}

func (w *window) has(n uint64) bool { return w.seen[n%windowSize/64]&(1<<(n%64)) != 0 }

func (w *window) set(n uint64, is bool) {
	if is {
		w.seen[n%windowSize/64] |= 1 << (n % 64)
	} else {
		w.seen[n%windowSize/64] &^= 1 << (n % 64)
	}
}
