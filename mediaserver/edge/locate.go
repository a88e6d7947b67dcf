package edge

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"flashpod.dev/flashpod/mediaserver/link"
)

// locator asks the origin where streams are: over a link of its own, which is no
// instance's. It is there once somebody has asked, and ends when nobody has for a while.
type locator struct {
	e *Edge

	mu    sync.Mutex // the pipe's may be taken, and nobody is called, while it is held
	line  *line      // nil: there is none
	known map[string]known
}

// known is what the origin has said of a path.
type known struct {
	at   link.LocateAnswer
	when time.Time
}

const (
	// knownFor is for how long an origin is not asked again where the same is.
	knownFor = 5 * time.Second
	// maxKnown bounds what is remembered.
	maxKnown = 4096
	// maxPath bounds, in bytes, the path of a stream.
	maxPath = 4 << 10
)

// line is a link that is asked. What is behind its pipe is of the locator's mu.
type line struct {
	ready chan struct{} // closed when pipe is there, or err
	pipe  *link.Pipe
	err   error
	next  uint64
	asked map[uint64]chan link.LocateAnswer
	used  time.Time
	ended chan struct{} // closed with it
}

// Locate asks the origin where a stream is, "APPLICATION/INSTANCE/NAME", or would be. What
// it has said of the same path a moment ago, it says still. It fails as an outlet.House
// does.
func (e *Edge) Locate(ctx context.Context, path string) (at link.LocateAnswer, err error) {
	l := &e.locator
	if len(path) > maxPath {
		return at, nil // there is none
	}
	if at, ok := l.knows(path); ok {
		return at, nil
	}
	if at, err = l.answer(ctx, link.LocateBody{Path: path}); err == nil {
		l.learn(path, at)
	}
	return at, err
}

// Holds asks the origin, which shares an application with others, whether it has anything
// of an instance, in use or on its disk.
func (e *Edge) Holds(ctx context.Context, application, instance string) (bool, error) {
	at, err := e.locator.answer(ctx, link.LocateBody{Held: application + "/" + instance})
	switch {
	case err != nil:
		return false, err
	case at.Holding == nil:
		return false, fmt.Errorf("the origin %s cannot say whether it has instance %.64q of %s: it is busy, or of an older release", e.cfg.Origin, instance, application)
	}
	return *at.Holding, nil
}

// answer is what the origin says to a question.
func (l *locator) answer(ctx context.Context, b link.LocateBody) (at link.LocateAnswer, err error) {
	for {
		on := l.link()
		select {
		case <-on.ready:
		case <-ctx.Done():
			return at, ctx.Err()
		}
		id, answer, err := l.ask(on, b)
		if errors.Is(err, errIdle) {
			continue // it has ended since it was looked up
		}
		if err != nil {
			return at, noOrigin(err)
		}
		select {
		case at = <-answer:
			return at, nil
		case <-on.ended:
			return at, noOrigin(errLost)
		case <-ctx.Done():
			l.mu.Lock()
			delete(on.asked, id)
			l.mu.Unlock()
			return at, ctx.Err()
		}
	}
}

// knows is what the origin has said of a path a moment ago.
func (l *locator) knows(path string) (at link.LocateAnswer, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	k, ok := l.known[path]
	return k.at, ok && time.Since(k.when) < knownFor
}

// link is the line that is there, or will be.
func (l *locator) link() *line {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.line == nil {
		on := &line{ready: make(chan struct{}), asked: map[uint64]chan link.LocateAnswer{}, used: time.Now(), ended: make(chan struct{})}
		l.line = on
		l.e.runs.Go(func() { l.run(on) })
	}
	return l.line
}

// ask sends a question over a line, which fails with errIdle where nobody has used it.
func (l *locator) ask(on *line, b link.LocateBody) (id uint64, answer chan link.LocateAnswer, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if on.err != nil {
		return 0, nil, on.err
	}
	on.next++
	id, answer = on.next, make(chan link.LocateAnswer, 1)
	on.asked[id], on.used = answer, time.Now()
	on.pipe.Send(link.Locate, 0, id, b)
	return id, answer, nil
}

// learn remembers what the origin has said.
func (l *locator) learn(path string, at link.LocateAnswer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.known) >= maxKnown || l.known == nil {
		l.known = map[string]known{}
	}
	l.known[path] = known{at, time.Now()}
}

// run links to the origin, and serves until the link ends.
func (l *locator) run(on *line) {
	err := l.serve(on)
	l.mu.Lock()
	if on.err == nil {
		on.err = err
	}
	if l.line == on {
		l.line = nil
	}
	if on.pipe == nil {
		close(on.ready)
	}
	l.mu.Unlock()
	close(on.ended)
}

func (l *locator) serve(on *line) error {
	c, err := l.e.dial(link.Hello{Purpose: link.Control})
	if err != nil {
		l.e.log.Warn("the origin cannot be reached", "origin", l.e.cfg.Origin, "err", err)
		return err
	}
	if c.Version() < link.Viewings {
		c.Close()
		return errTooOld
	}
	pipe := link.NewPipe(c, maxQueued).PaidBy(l.e.cfg.Budgets.Links)
	l.mu.Lock()
	on.pipe = pipe
	close(on.ready)
	l.mu.Unlock()
	done := make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() { l.watch(on, pipe, done) })
	err = pipe.Run(func(r link.Record) error { return l.handle(on, r) })
	close(done)
	watching.Wait()
	return err
}

// watch ends a link that nobody uses, or when the edge ends.
func (l *locator) watch(on *line, pipe *link.Pipe, done <-chan struct{}) {
	tick := time.NewTicker(lingers / 2)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return
		case <-l.e.ctx.Done():
			pipe.End(errClosed)
			return
		case <-tick.C:
		}
		l.mu.Lock()
		idle := len(on.asked) == 0 && time.Since(on.used) > lingers
		if idle {
			on.err = errIdle // who asks now has another
			if l.line == on {
				l.line = nil
			}
		}
		l.mu.Unlock()
		if idle {
			pipe.End(errIdle)
			return
		}
	}
}

// handle hands an answer to who has asked.
func (l *locator) handle(on *line, r link.Record) error {
	if r.Kind != link.Answer {
		if r.Client == 0 {
			return nil // it is for clients, of whom this link has none
		}
		return fmt.Errorf("%w: record %d", link.ErrFrame, r.Kind)
	}
	l.mu.Lock()
	answer := on.asked[r.ID]
	delete(on.asked, r.ID)
	l.mu.Unlock()
	if answer == nil {
		return nil
	}
	var a link.LocateAnswer
	if err := r.Decode(&a); err != nil {
		return errors.Join(link.ErrFrame, err)
	}
	answer <- a
	return nil
}
