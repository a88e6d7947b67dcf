package playback

import (
	"slices"
	"sync"
	"time"

	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

const (
	// maxTurns is how many turns have a place at once: processors have enough
	// with far fewer, and the others wait for a slow disk.
	maxTurns = 64
	// keepBatch is the largest buffer of a worker that is kept.
	keepBatch = 1 << 20
)

// Workers bound the turns of a server's playbacks that run at once, and the memory
// that they work with. Each instance has a [Queue] of its own.
//
// An instance may have as many turns at once as there are places free, and
// always one. So a disk that hangs keeps half of the places, a second one half
// of what is left, and playbacks of all other instances go on. There are never
// more turns than places and instances.
type Workers struct {
	mu      sync.Mutex // no other lock is taken while it is held
	turns   int        // that run
	idle    []*worker
	waiting []*Queue // that have playbacks which wait, the next to be served first
}

// NewWorkers makes workers. They have no goroutines: nothing is to be closed.
func NewWorkers() *Workers { return &Workers{} }

// NewQueue makes the queue of one instance.
func (w *Workers) NewQueue() *Queue { return &Queue{workers: w} }

// Queue is where the playbacks of one instance get places for their turns. A
// playback that waits for one costs no goroutine, and no memory but its own.
type Queue struct {
	workers *Workers

	// Guarded by workers.mu.
	waiting list // playbacks that have no place yet, the first to get one first
	running list // playbacks whose turns run, in the order in which they began
}

// Behind is how far the playbacks of an instance are behind.
type Behind struct {
	Queue  int           // playbacks whose turn waits for a place
	Oldest time.Duration // how long the first of them has waited; 0: none waits
	Turn   time.Duration // how long the oldest of the turns that run has taken; 0: none runs
}

// Behind waits for no turn.
func (q *Queue) Behind() Behind {
	q.workers.mu.Lock()
	defer q.workers.mu.Unlock()
	b := Behind{Queue: q.waiting.len}
	if p := q.waiting.first; p != nil {
		b.Oldest = time.Since(p.place.since)
	}
	if p := q.running.first; p != nil {
		b.Turn = time.Since(p.place.since)
	}
	return b
}

// worker is the memory that a turn works with.
type worker struct {
	batch  *media.Batch
	layout *rtmp.Layout
	head   []byte // of what is sent apart
	taken  bool   // the batch has what is sent of a large frame
}

// begin takes a place for a turn of a playback. Where there is none, it returns
// nil: the turn comes in the place of one that ends.
func (q *Queue) begin(p *Playback) *worker {
	w := q.workers
	w.mu.Lock()
	defer w.mu.Unlock()
	p.place.since = time.Now()
	if q.waiting.len == 0 && q.mayBegin() {
		return q.start(p)
	}
	if q.waiting.len == 0 {
		w.waiting = append(w.waiting, q)
	}
	q.waiting.push(p)
	return nil
}

// end gives a playback's place back. It returns the turn that begins in it, if
// one has waited.
func (q *Queue) end(p *Playback, used *worker) (next *Playback, memory *worker) {
	w := q.workers
	w.mu.Lock()
	defer w.mu.Unlock()
	q.running.remove(p)
	w.turns--
	w.keep(used)
	for {
		p := w.next()
		switch {
		case p == nil:
			return next, memory
		case next == nil:
			next, memory = p, p.queue.start(p)
		default: // of a queue that had to wait until one more place was free
			go p.turns(p.queue.start(p))
		}
	}
}

// cancel removes a playback from the queue, if it waits there.
func (q *Queue) cancel(p *Playback) (cancelled bool) {
	w := q.workers
	w.mu.Lock()
	defer w.mu.Unlock()
	if p.place.in != &q.waiting {
		return false
	}
	q.waiting.remove(p)
	if q.waiting.len == 0 {
		w.waiting = slices.DeleteFunc(w.waiting, func(one *Queue) bool { return one == q })
	}
	return true
}

// next removes the playback from its queue whose turn may begin; nil when there
// is none. Queues have their turns one after another. The caller holds mu.
func (w *Workers) next() *Playback {
	for i, q := range w.waiting {
		if !q.mayBegin() {
			continue
		}
		p := q.waiting.first
		q.waiting.remove(p)
		w.waiting = slices.Delete(w.waiting, i, i+1)
		if q.waiting.len > 0 {
			w.waiting = append(w.waiting, q)
		}
		return p
	}
	return nil
}

// mayBegin says whether there is a place for one more turn. The caller holds
// workers.mu.
func (q *Queue) mayBegin() bool {
	return q.running.len == 0 || q.running.len < maxTurns-q.workers.turns
}

// start begins a turn with the memory that was given back last: it is the
// likeliest to be in the processor's cache still, and no more is made than there
// are turns at once. The caller holds workers.mu.
func (q *Queue) start(p *Playback) *worker {
	w := q.workers
	w.turns++
	p.place.since = time.Now()
	q.running.push(p)
	n := len(w.idle)
	if n == 0 {
		return &worker{batch: newBatch(), layout: rtmp.NewLayout()}
	}
	one := w.idle[n-1]
	w.idle = w.idle[:n-1]
	return one
}

// keep remembers a worker for the next turn. The caller holds mu.
func (w *Workers) keep(one *worker) {
	if len(w.idle) >= maxTurns {
		return // one of those beyond the places, while disks hung
	}
	one.layout.Reset()
	if cap(one.batch.Buf) > keepBatch {
		one.batch = newBatch()
	}
	w.idle = append(w.idle, one)
}

func newBatch() *media.Batch {
	b := media.NewBatch(maxPiece)
	b.Part = partSize
	return b
}

// place is where a playback stands that has, or waits for, a turn. It is guarded
// by workers.mu.
type place struct {
	in         *list // nil: nowhere
	prev, next *Playback
	since      time.Time // when it came there
}

// list is of playbacks by their places, so that none is allocated for a turn.
type list struct {
	first, last *Playback
	len         int
}

func (l *list) push(p *Playback) {
	p.place.in, p.place.prev, p.place.next = l, l.last, nil
	if l.last == nil {
		l.first = p
	} else {
		l.last.place.next = p
	}
	l.last = p
	l.len++
}

func (l *list) remove(p *Playback) {
	before, behind := p.place.prev, p.place.next
	if before == nil {
		l.first = behind
	} else {
		before.place.next = behind
	}
	if behind == nil {
		l.last = before
	} else {
		behind.place.prev = before
	}
	p.place.in, p.place.prev, p.place.next = nil, nil, nil
	l.len--
}
