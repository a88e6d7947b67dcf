package routing

import "hash/fnv"

// Choose chooses one of several origins for an instance that none of them holds yet, and
// says its index; names are what the origins are called. The same instance always gets
// the same one, whatever the order, and when one is added or taken away only instances
// that it gets, or had, move (rendezvous hashing). -1: there are none.
func Choose(instance string, names []string) int {
	best, most := -1, uint64(0)
	for i, name := range names {
		h := fnv.New64a()
		_, _ = h.Write([]byte(name)) // no hash fails
		_, _ = h.Write([]byte{0})
		_, _ = h.Write([]byte(instance))
		w := mix(h.Sum64())
		if best < 0 || w > most || w == most && name < names[best] {
			best, most = i, w
		}
	}
	return best
}

// mix spreads what differs in the last bytes of a hash over all of its bits, which FNV
// does not: without it one origin would win for most instances.
func mix(h uint64) uint64 {
	h ^= h >> 32
	h *= 0x9e3779b97f4a7c15 // 2^64 divided by the golden ratio, which is odd
	h ^= h >> 29
	h *= 0xd6e8feb86659fd93 // another odd number without a pattern
	h ^= h >> 32
	return h
}
