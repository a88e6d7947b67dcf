package sharedobject

import (
	"io"
	"sync"
	"time"
)

const (
	// Small is how large an object may be, in bytes of its file, that is written
	// at once however much else there is to be written.
	Small = 1 << 20
	// writeRate is how many bytes a second the objects of a store are written at:
	// large ones wait for that, and small ones come first.
	writeRate = 32 << 20
	// syncEvery is how much of a file is handed to the disk at once, so that others,
	// recordings above all, have their turn there in between.
	syncEvery = 1 << 20
	// busyAfter is how long writes may be ahead of the rate until it is too much.
	busyAfter = time.Second / 2
)

// Every is how often an object whose file has so many bytes is written when it
// changes all the time: every half second, and one that is not small at 2 MiB a
// second. Busy is what Store.Busy says: then it is less often, and still within a
// second with the time that writing takes.
func Every(size int64, busy bool) time.Duration {
	every := time.Second / 2
	if busy {
		every = 3 * time.Second / 4
	}
	return max(every, time.Duration(size)*(time.Second/2)/Small)
}

// pace spaces what is written.
type pace struct {
	hurry chan struct{} // closed when nobody waits any more
	once  sync.Once

	mu   sync.Mutex // nothing else is taken while it is held
	next time.Time  // when all that was written would have been, at the rate
}

// wrote counts bytes, and returns how long they are ahead of the rate.
func (p *pace) wrote(bytes int) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if p.next.Before(now) {
		p.next = now
	}
	p.next = p.next.Add(time.Duration(bytes) * time.Second / writeRate)
	return p.next.Sub(now)
}

// Busy says whether objects are written at more than their rate.
func (s *Store) Busy() bool {
	s.pace.mu.Lock()
	defer s.pace.mu.Unlock()
	return time.Until(s.pace.next) > busyAfter
}

// Hurry has nothing wait for the rate any more: the server ends.
func (s *Store) Hurry() { s.pace.once.Do(func() { close(s.pace.hurry) }) }

// paced writes a file at the rate, in pieces that are on the disk before the next.
type paced struct {
	to    io.Writer
	pace  *pace
	large bool
	since int // the last piece
}

// Write implements io.Writer; it waits as long as the rate asks for.
func (p *paced) Write(b []byte) (int, error) {
	n, err := p.to.Write(b)
	ahead := p.pace.wrote(n)
	if p.since += n; err != nil || p.since < syncEvery || !p.large {
		return n, err
	}
	p.since = 0
	if f, ok := p.to.(interface{ Sync() error }); ok {
		if err := f.Sync(); err != nil {
			return n, err
		}
	}
	wait := time.NewTimer(ahead)
	defer wait.Stop()
	select {
	case <-wait.C:
	case <-p.pace.hurry:
	}
	return n, nil
}
