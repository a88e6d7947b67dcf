package script

import (
	"context"
	"errors"
	"slices"
	"sync"

	"flashpod.dev/flashpod/mediaserver/budget"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// pulledMedia is what a far server has played and nobody has taken yet. A budget pays
// for it.
type pulledMedia struct {
	pays *budget.Budget
	some chan struct{} // of capacity one: there is something
	room chan struct{} // of capacity one: there may be room again

	mu    sync.Mutex // nothing else is taken while it is held
	list  []*rtmp.Message
	bytes int // of those, and of what next gives
	over  bool
}

var errNoPulled = errors.New("the server has no memory left for what other servers play: try again in a moment")

func (q *pulledMedia) begin(pays *budget.Budget) {
	q.pays, q.some, q.room = pays, make(chan struct{}, 1), make(chan struct{}, 1)
}

// put adds a copy of a message, or nil where who publishes has gone, and waits for room.
// What comes when nobody takes it any more is dropped.
func (q *pulledMedia) put(ctx context.Context, m *rtmp.Message) error {
	for {
		if done, err := q.add(m); done || err != nil {
			return err
		}
		select {
		case <-q.room:
		case <-ctx.Done():
			return nil
		}
	}
}

// add is put without waiting; false: there is no room.
func (q *pulledMedia) add(m *rtmp.Message) (done bool, err error) {
	size := pulledSize(m)
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.over:
		return true, nil
	case len(q.list) >= maxPulled, q.bytes > 0 && q.bytes+size > maxPulledBytes:
		return false, nil
	case !q.pays.Take(int64(size)):
		return false, errNoPulled
	}
	if m != nil {
		own := *m
		own.Payload = slices.Clone(m.Payload)
		m = &own
	}
	q.bytes += size
	q.list = append(q.list, m)
	signal(q.some)
	return true, nil
}

// next gives the first of what has come to each; false: there is none.
func (q *pulledMedia) next(each func(*rtmp.Message) error) (any bool, err error) {
	q.mu.Lock()
	if len(q.list) == 0 {
		q.mu.Unlock()
		return false, nil
	}
	m := q.list[0]
	q.list[0] = nil
	q.list = q.list[1:]
	q.mu.Unlock()
	defer func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		q.bytes -= pulledSize(m)
		q.pays.Give(int64(pulledSize(m)))
		signal(q.room)
	}()
	return true, each(m)
}

// end drops what is left, and what comes.
func (q *pulledMedia) end() {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, m := range q.list {
		q.bytes -= pulledSize(m)
		q.pays.Give(int64(pulledSize(m)))
	}
	q.list, q.over = nil, true
}

// pulledSize is what a message is paid for, in bytes.
func pulledSize(m *rtmp.Message) int {
	const each = 128
	if m == nil {
		return each
	}
	return each + len(m.Payload)
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
