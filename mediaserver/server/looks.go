package server

import "context"

// looks is the one goroutine that looks at files which change under a running server, at
// each beat of the clock and when it is asked to: two looks at once might take the older
// text for the newer.
type looks struct {
	look, rest func()

	asks    chan chan<- struct{}
	stop    chan struct{}
	stopped chan struct{}
}

// beginLooks has look called until close, never twice at once. What rest does, if it is
// not nil, comes behind each look, and nobody who has asked for one waits for it.
func beginLooks(clock clock, look, rest func()) *looks {
	l := &looks{look: look, rest: rest, asks: make(chan chan<- struct{}), stop: make(chan struct{}), stopped: make(chan struct{})}
	go l.own(clock)
	return l
}

func (l *looks) own(clock clock) {
	defer close(l.stopped)
	ticks, stop := clock.ticks()
	defer stop()
	for {
		select {
		case <-l.stop:
			return
		case <-ticks:
			l.look()
		case done := <-l.asks:
			l.look()
			close(done)
		}
		if l.rest != nil {
			l.rest()
		}
	}
}

// now has a look taken that begins after the call, and returns behind it; false: there
// are no more looks.
func (l *looks) now() bool {
	done := make(chan struct{})
	select {
	case l.asks <- done:
		<-done
		return true
	case <-l.stopped:
		return false
	}
}

// close ends the goroutine, and waits for it until ctx ends: its disk may hang.
func (l *looks) close(ctx context.Context) {
	close(l.stop)
	select {
	case <-l.stopped:
	case <-ctx.Done():
	}
}
