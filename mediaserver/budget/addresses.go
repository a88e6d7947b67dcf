package budget

import (
	"net/netip"
	"sync"
)

// Addresses counts what each address has: connections. All methods may be called
// from any goroutine, and none waits. A nil Addresses has no bound.
type Addresses struct {
	most   int            // of each; 0: any number
	shared []netip.Prefix // that stand for many: without a bound

	mu   sync.Mutex // nothing else is taken while it is held
	open map[netip.Prefix]int
}

// NewAddresses makes a count that lets each address have so many, 0 for any
// number; those in shared stand for many clients and have no bound.
func NewAddresses(most int, shared []netip.Prefix) *Addresses {
	return &Addresses{most: most, shared: shared, open: map[netip.Prefix]int{}}
}

// Come counts one more of an address, host:port, unless it has as many as it
// may.
func (a *Addresses) Come(hostPort string) bool {
	of, counts := a.counts(hostPort)
	if !counts {
		return true
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.open[of] >= a.most {
		return false
	}
	a.open[of]++
	return true
}

// Go gives back what Come has counted.
func (a *Addresses) Go(hostPort string) {
	of, counts := a.counts(hostPort)
	if !counts {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.open[of]--; a.open[of] <= 0 {
		delete(a.open, of)
	}
}

func (a *Addresses) counts(hostPort string) (of netip.Prefix, counts bool) {
	if a == nil || a.most == 0 {
		return of, false
	}
	if Shared(hostPort, a.shared) {
		return of, false
	}
	return Address(hostPort), true
}

// Shared says whether an address, host:port, stands for many clients: one of those,
// or none at all.
func Shared(hostPort string, shared []netip.Prefix) bool {
	ap, err := netip.ParseAddrPort(hostPort)
	if err != nil {
		return true
	}
	for _, many := range shared {
		if many.Contains(ap.Addr().Unmap().WithZone("")) {
			return true
		}
	}
	return false
}
