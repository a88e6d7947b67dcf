package session

import (
	"errors"
	"slices"
	"time"
)

const (
	// closeTimeout is how long a publication may take to end of which nothing more arrives:
	// more than an instance waits for its disk.
	closeTimeout = 15 * time.Second
	// closeMost is how long it may take in all. A link that is slow has megabytes on their
	// way; the client's place stays taken so long.
	closeMost = 10 * time.Minute
)

// errUnfinished says that a publication has not ended in time.
var errUnfinished = errors.New("it has not ended in time")

// AwaitEnd waits for what a publication's Close says: as long as more of what was written
// arrives, where that goes elsewhere. What is cut off is waited for no longer than what does
// not get on; nil: nothing is cut off.
func AwaitEnd(p Publication, ended <-chan error, cutOff func() bool) error {
	began := time.Now()
	last, arrived := began, arrivedOf(p)
	look := time.NewTicker(time.Second)
	defer look.Stop()
	for {
		select {
		case err := <-ended:
			return err
		case now := <-look.C:
			if is := arrivedOf(p); is != arrived {
				last, arrived = now, is
			}
			if cutOff != nil && cutOff() {
				last = began
			}
			if now.Sub(last) >= closeTimeout || now.Sub(began) >= closeMost {
				return errUnfinished
			}
		}
	}
}

// unfinished is a publication whose end is not waited for any more, as others of the client's
// commands do: ended is told of it.
type unfinished struct {
	Publication
	ended chan error
}

// awaitEnd is AwaitEnd of what the client has published. A client that is there hears within
// closeTimeout how it is; what takes longer then is waited for as the session ends.
func (s *Session) awaitEnd(p Publication, ended chan error) error {
	cutOff, there := s.cut.Load, s.there.Err() == nil
	if there {
		cutOff = func() bool { return true }
	}
	err := AwaitEnd(p, ended, cutOff)
	if there && errors.Is(err, errUnfinished) {
		s.unfinished = append(slices.DeleteFunc(s.unfinished, func(u unfinished) bool { return len(u.ended) > 0 }), unfinished{p, ended})
	}
	return err
}

// finish waits for the publications that have not ended in time. What is done with the
// instance after that would cut them off.
func (s *Session) finish() {
	for _, u := range s.unfinished {
		if err := AwaitEnd(u.Publication, u.ended, s.cut.Load); err != nil {
			s.log.Error("recording not finished cleanly", "err", err)
		}
	}
	s.unfinished = nil
}

func arrivedOf(p Publication) uint64 {
	if t, ok := p.(Travels); ok {
		return t.Arrived()
	}
	return 0
}

// arrived is arrivedOf of all that the client publishes.
func (s *Session) arrived() (n uint64) {
	if all := s.publishing.Load(); all != nil {
		for _, p := range *all {
			n += arrivedOf(p.Publication)
		}
	}
	return n
}
