package relay

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"hash"
	"sync"
	"sync/atomic"
)

// What a key of the servers is used for. Each has a key of its own, so that nothing that was
// made for one use is good for another, or for a link.
const (
	forNames    = "flashpod webrtc relay: names"
	forWrappers = "flashpod webrtc relay: wrappers"
)

// sums makes and checks what authenticates, by keys that may change.
type sums struct {
	use  string
	keys func() [][]byte
	now  atomic.Pointer[derived]
}

// derived are the keys of a use, the first of which is shown.
type derived struct {
	from [][]byte
	all  []*sync.Pool // of *keyed, with the key
}

// keyed is a sum that is being made.
type keyed struct {
	hash.Hash
	out [sha]byte
}

// sha is how many bytes a sum has before it is cut.
const sha = sha256.Size

// current are the keys that count now.
func (s *sums) current() *derived {
	keys := s.keys()
	if d := s.now.Load(); d != nil && len(d.from) == len(keys) && (len(keys) == 0 || &d.from[0] == &keys[0]) {
		return d
	}
	d := &derived{from: keys}
	for _, key := range keys {
		of := hmac.New(sha256.New, key)
		of.Write([]byte(s.use))
		own := of.Sum(nil)
		d.all = append(d.all, &sync.Pool{New: func() any { return &keyed{Hash: hmac.New(sha256.New, own)} }})
	}
	s.now.Store(d)
	return d
}

// add appends n bytes that authenticate a and b, which are told apart by a's length being
// known; false: there is no key.
func (s *sums) add(dst []byte, n int, a, b []byte) ([]byte, bool) {
	d := s.current()
	if len(d.all) == 0 {
		return dst, false
	}
	k := sum(d.all[0], a, b)
	dst = append(dst, k.out[:n]...)
	d.all[0].Put(k)
	return dst, true
}

// good says whether tag authenticates a and b by any of the keys.
func (s *sums) good(tag, a, b []byte) (is bool) {
	for _, pool := range s.current().all {
		k := sum(pool, a, b)
		is = is || subtle.ConstantTimeCompare(k.out[:len(tag)], tag) == 1
		pool.Put(k)
	}
	return is
}

func sum(pool *sync.Pool, a, b []byte) *keyed {
	k := pool.Get().(*keyed)
	k.Reset()
	k.Write(a)
	k.Write(b)
	k.Sum(k.out[:0])
	return k
}
