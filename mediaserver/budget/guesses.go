package budget

import (
	"net/netip"
	"sync"
	"time"
)

const (
	// freeGuesses are answered at once: somebody has mistyped a key, or forgotten
	// it.
	freeGuesses = 3
	firstDelay  = 250 * time.Millisecond
	lastDelay   = 8 * time.Second
	// forgiveAfter is how long an address without guesses is remembered.
	forgiveAfter = 5 * time.Minute
	// maxGuessers bounds the addresses that are remembered.
	maxGuessers = 16384
)

// Guesses counts wrong keys by the address that they come from, so that answers
// to it slow down. Right keys are neither counted nor slowed: where an address
// stands for many, as a proxy's or a node's does, a stranger who guesses there keeps
// nobody out who has the key. All methods may be called from any goroutine, and none waits.
// A nil Guesses counts nothing.
type Guesses struct {
	mu   sync.Mutex // nothing else is taken while it is held
	from map[netip.Prefix]*guesser
}

type guesser struct {
	wrong int
	last  time.Time
}

// NewGuesses makes a count in which no address has guessed yet.
func NewGuesses() *Guesses { return &Guesses{from: map[netip.Prefix]*guesser{}} }

// Wrong counts a wrong key from an address, host:port, and returns how long the
// answer to it is to take: nothing for the first three, then twice as long for
// each, up to eight seconds. What an address has guessed is forgotten five
// minutes after the last of it.
func (g *Guesses) Wrong(address string, now time.Time) time.Duration {
	if g == nil {
		return 0
	}
	of := Address(address)
	g.mu.Lock()
	defer g.mu.Unlock()
	one := g.from[of]
	switch {
	case one == nil:
		g.makeRoom()
		one = &guesser{}
		g.from[of] = one
	case now.Sub(one.last) >= forgiveAfter:
		one.wrong = 0
	}
	one.wrong++
	one.last = now
	if one.wrong <= freeGuesses {
		return 0
	}
	return min(firstDelay<<min(one.wrong-freeGuesses-1, 16), lastDelay)
}

// makeRoom forgets some when the table is full, old or not: who has so many
// addresses is not slowed down by a delay for each.
func (g *Guesses) makeRoom() {
	if len(g.from) < maxGuessers {
		return
	}
	for of := range g.from {
		if len(g.from) < maxGuessers/8*7 { // many at once: a look at the table is not free
			return
		}
		delete(g.from, of)
	}
}

// Address is what stands for one client in counts: an IPv4 address, or the first
// 64 bits of an IPv6 one, since who has one has all of those. It is the zero
// value for what is no host:port.
func Address(hostPort string) netip.Prefix {
	ap, err := netip.ParseAddrPort(hostPort)
	if err != nil {
		return netip.Prefix{}
	}
	ip := ap.Addr().Unmap().WithZone("")
	bits := 32
	if ip.Is6() {
		bits = 64
	}
	of, _ := ip.Prefix(bits) // of 32 or 64 bits there is one
	return of
}
