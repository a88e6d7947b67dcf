package outgoing

import (
	"context"
	"fmt"
	"sync"
)

// turns lets so many requests be under way, and so many of those to one host that a host
// which hangs keeps no other from being asked.
type turns struct {
	all    chan struct{}
	limits Limits

	mu      sync.Mutex // taken alone
	waiting int
	hosts   map[string]*hostTurns
}

type hostTurns struct {
	places chan struct{}
	users  int // under way and waiting
}

// begin waits for a turn. end is called when the request is over; it is nil with an
// error.
func (q *turns) begin(ctx context.Context, host string) (end func(), err error) {
	h, err := q.join(host)
	if err != nil {
		return nil, err
	}
	select {
	case h.places <- struct{}{}:
	case <-ctx.Done():
		q.leave(host, h, true)
		return nil, context.Cause(ctx)
	}
	select {
	case q.all <- struct{}{}:
	case <-ctx.Done():
		<-h.places
		q.leave(host, h, true)
		return nil, context.Cause(ctx)
	}
	q.mu.Lock()
	q.waiting--
	q.mu.Unlock()
	return func() {
		<-q.all
		<-h.places
		q.leave(host, h, false)
	}, nil
}

func (q *turns) join(host string) (*hostTurns, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.waiting >= q.limits.Waiting+q.limits.Requests {
		return nil, fmt.Errorf("host %s: %d requests wait for their turn: ask less often, or see why backends are slow", host, q.waiting)
	}
	q.waiting++
	h := q.hosts[host]
	if h == nil {
		h = &hostTurns{places: make(chan struct{}, q.limits.PerHost)}
		q.hosts[host] = h
	}
	h.users++
	return h, nil
}

func (q *turns) leave(host string, h *hostTurns, waited bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if waited {
		q.waiting--
	}
	if h.users--; h.users == 0 {
		delete(q.hosts, host)
	}
}
