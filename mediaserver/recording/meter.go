package recording

import (
	"context"
	"fmt"
	"io"
	"time"

	"flashpod.dev/flashpod/mediaserver/budget"
)

const (
	// slice is how long an index is read until live media goes first, and restMost
	// how long it rests then.
	slice    = 2 * time.Millisecond
	restMost = 5 * time.Millisecond
	// sliceMost is how much of a slice counts as work: one that took longer has
	// waited for a disk, or for a processor.
	sliceMost = 20 * time.Millisecond
)

// meter pays for the reading of one index: a media.Meter. Its methods are called
// by the goroutine that reads.
type meter struct {
	ctx   context.Context // ends when nobody waits for the index any more
	store *Store
	max   int64 // bytes; 0: no bound
	spent int64

	turn    *budget.Turn  // it has none while it waits for a disk
	entered bool          // the turn has begun
	since   time.Time     // when it got it
	slice   time.Duration // how long it has worked since it rested
	worked  time.Duration // and all together
}

func newMeter(ctx context.Context, s *Store) *meter {
	// All who read indexes are one of those who take turns, as an address is.
	m := &meter{ctx: ctx, store: s, turn: s.opts.Turns.For("")}
	if b := s.opts.Indexes; b != nil {
		m.max = b.Max() / 2 // one file does not keep all others out
	}
	return m
}

// Spend implements media.Meter.
func (m *meter) Spend(n int64) error {
	b := m.store.opts.Indexes
	switch {
	case n < 0:
		b.Give(-n)
	case m.max > 0 && m.spent+n > m.max:
		return fmt.Errorf("%w: its index takes more than the %d bytes that one file may have: split the recording, or give the server more memory", ErrCostly, m.max)
	default:
		if b != nil && b.Used()+n > b.Max() { // what nobody uses makes room
			m.store.mu.Lock()
			m.store.dropIndexes()
			m.store.mu.Unlock()
		}
		if !b.Take(n) {
			return fmt.Errorf("no memory is left for the indexes of files, because too many of them are being played: %d bytes are used, %d more are needed", b.Used(), n)
		}
	}
	m.spent += n
	return nil
}

// giveBack is for an index that comes to nothing.
func (m *meter) giveBack() {
	m.store.opts.Indexes.Give(m.spent)
	m.spent = 0
}

// Pause implements media.Meter.
func (m *meter) Pause() error {
	if m.ctx.Err() != nil {
		return context.Cause(m.ctx)
	}
	if m.slice+time.Since(m.since) < slice {
		return nil
	}
	m.leave()
	if m.worked > m.store.opts.IndexTime {
		return fmt.Errorf("%w: its index takes more than %v of a processor's time: split the recording", ErrCostly, m.store.opts.IndexTime)
	}
	rest := time.NewTimer(min(m.slice/2, restMost))
	defer rest.Stop()
	select {
	case <-rest.C:
	case <-m.ctx.Done():
		return context.Cause(m.ctx)
	}
	m.slice = 0
	return m.enter()
}

// enter waits for a turn.
func (m *meter) enter() error {
	m.turn.Begin(m.ctx.Done())
	if m.ctx.Err() != nil {
		m.turn.End()
		return context.Cause(m.ctx)
	}
	m.entered, m.since = true, time.Now()
	return nil
}

// leave ends the turn, if it has begun.
func (m *meter) leave() {
	if !m.entered {
		return
	}
	m.turn.End()
	m.entered = false
	d := min(time.Since(m.since), sliceMost)
	m.slice += d
	m.worked += d
}

// metered is a file that is read without a turn.
type metered struct {
	f io.ReaderAt
	m *meter
}

// ReadAt implements io.ReaderAt.
func (r metered) ReadAt(p []byte, at int64) (int, error) {
	r.m.leave()
	n, err := r.f.ReadAt(p, at)
	if e := r.m.enter(); e != nil {
		return 0, e
	}
	return n, err
}
